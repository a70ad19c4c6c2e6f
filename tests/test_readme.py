"""The code of the README runs as it stands."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def python_blocks(text):
    """Give the line and the code of each Python block."""
    for match in re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield text.count("\n", 0, match.start(1)), match.group(1)


def test_blocks_are_found_with_their_lines():
    text = "a\n```python\nx = 1\n```\n```console\nls\n```\n```python\ny = 2\n```\n"
    assert list(python_blocks(text)) == [(2, "x = 1\n"), (8, "y = 2\n")]


def test_readme_code_runs():
    blocks = list(python_blocks(README.read_text(encoding="utf-8")))
    assert blocks
    # One namespace for all, as for a reader who pastes one after the other.
    namespace = {"__name__": "readme"}
    for line, code in blocks:
        # Empty lines first: a traceback then names the line of the README.
        exec(compile("\n" * line + code, str(README), "exec"), namespace)
