"""The page of integrations names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
TEXT = (TESTS.parent / "docs" / "integrations.rst").read_text(encoding="utf-8")
TEST_NAME = r"``((?:\w+/)?test_\w+\.py)::([\w:]+)``"
NAMED = re.findall(TEST_NAME, TEXT)


def names_in(file):
    """Give the tests of a file as pytest names them, without parameters."""
    names = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = [n for n in node.body if isinstance(n, ast.FunctionDef)]
            names |= {f"{node.name}::{method.name}" for method in methods}
    return {name for name in names if name.split("::")[-1].startswith("test_")}


def test_every_row_of_the_tables_names_a_test():
    rows = re.findall(r"^   \* - .*\n(?:     .*\n)*", TEXT, re.MULTILINE)
    rows = [row for row in rows if "* - Integration" not in row]
    assert len(rows) > 30
    assert [row for row in rows if not re.search(TEST_NAME, row)] == []


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_the_named_test_exists(file, name):
    assert name in names_in(TESTS / file)


@pytest.mark.parametrize(
    "file", sorted(path.name for path in (TESTS / "integrations").glob("test_*.py"))
)
def test_every_outside_integration_is_on_the_page(file):
    if file == "test_page.py":  # the code of the page itself
        return
    named = {name for path, name in NAMED if path == f"integrations/{file}"}
    assert named
