"""The code of a page of documentation, run as a reader would."""

import re
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[1]
BLOCKS = {
    ".md": re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE),
    ".rst": re.compile(
        r"^\.\. code-block:: python\n\n((?:(?:   .*)?\n)+)", re.MULTILINE
    ),
}
OPENINGS = {".md": "```python\n", ".rst": "code-block:: python"}


def python_blocks(text, kind):
    """Give the line and the code of each Python block."""
    for match in BLOCKS[kind].finditer(text):
        yield text.count("\n", 0, match.start(1)), dedent(match.group(1))


def run_page(name, instead=None):
    """Run all Python blocks of a page; return how many, and their namespace.

    `instead` holds code for other code of the page, for models that take long where it
    does not matter what they learn.
    """
    page = ROOT / name
    text = page.read_text(encoding="utf-8")
    for code, quick in (instead or {}).items():
        assert code in text
        text = text.replace(code, quick)
    blocks = list(python_blocks(text, page.suffix))
    assert len(blocks) == text.count(OPENINGS[page.suffix]) > 0
    # One namespace for all, as for a reader who pastes one after the other.
    namespace = {"__name__": page.stem}
    for line, code in blocks:
        # Empty lines first: a traceback then names the line of the page.
        exec(compile("\n" * line + code, str(page), "exec"), namespace)
    return len(blocks), namespace
