"""The code of the README runs as it stands."""

from .pages import python_blocks, run_page


def test_blocks_are_found_with_their_lines():
    text = "a\n```python\nx = 1\n```\n```console\nls\n```\n```python\ny = 2\n```\n"
    assert list(python_blocks(text, ".md")) == [(2, "x = 1\n"), (8, "y = 2\n")]


def test_readme_code_runs():
    run_page("README.md")
