"""The documentation says what the code says."""

import ast
import re

import pytest

import spatialheteroreg
from benchmarks.tuning import RANGES
from spatialheteroreg import STCGRegressor

from .pages import ROOT, run_page

PAGE = ROOT / "docs" / "errors.rst"
PACKAGE = ROOT / "spatialheteroreg"
GAP = "…"

NEVER_ALONE = {
    # `load_model` puts these into a sentence of its own, which is on the page.
    "… is no data type of an index",
    "… is no data type of a number",
    "unknown parameters …",
    "attributes … absent, … not its own",
    "…: … unknown, … absent; see PARTS of …",
}


def template(node):
    """Give a message as the page writes it, with … for what differs."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            template(part) if isinstance(part, ast.Constant) else GAP
            for part in node.values
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return template(node.left) + template(node.right)
    return GAP


def messages_of(source):
    """Find what a module raises or warns of, by the line where it does."""
    tree = ast.parse(source)
    functions = {n.name: n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    for node in ast.walk(tree):
        call = None
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            call = node.exc
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn":
            call = node
        if call is None or not call.args:
            continue
        message = call.args[0]
        if isinstance(message, ast.Call):  # of a function that writes the message
            writer = functions.get(ast.unparse(message.func))
            returned = ast.walk(writer) if writer else []
            for result in (n.value for n in returned if isinstance(n, ast.Return)):
                yield node.lineno, squeeze(template(result))
        else:
            yield node.lineno, squeeze(template(message))


def squeeze(text):
    """Join what lies apart by white space, or by nothing but gaps."""
    return re.sub(rf"{GAP}(?:[{GAP}\s]*{GAP})?", GAP, " ".join(text.split()))


def messages_of_package():
    for file in sorted(PACKAGE.rglob("*.py")):
        for line, message in messages_of(file.read_text(encoding="utf-8")):
            if message not in NEVER_ALONE and re.search("[a-z]", message):
                yield f"{file.relative_to(ROOT)}:{line}", message


def messages_of_page():
    """Find the messages on the page, those of other libraries left out."""
    own, _, _ = PAGE.read_text(encoding="utf-8").partition("\nFrom other libraries\n")
    rows = re.findall(r"^   \* - ``(.+?)``\n     - ", own, re.MULTILINE | re.DOTALL)
    return [squeeze(row) for row in rows]


def messages_of_libraries():
    """Find the messages of other libraries on the page."""
    _, _, others = PAGE.read_text(encoding="utf-8").partition(
        "\nFrom other libraries\n"
    )
    rows = re.findall(r"^   \* - ``(.+?)``\n     - ", others, re.MULTILINE | re.DOTALL)
    return [squeeze(row) for row in rows]


def test_messages_are_found_in_all_their_forms():
    source = """
def f(x):
    raise ValueError(f"a {x!r} " "b" + (" c" if x else "") + f"{x}")
    raise TypeError(advice(x))
    warnings.warn("d", stacklevel=2)
    raise
    raise KeyboardInterrupt

def advice(x):
    return f"Pass {x}."
"""
    assert list(messages_of(source)) == [(3, "a … b…"), (4, "Pass …."), (5, "d")]


def test_every_message_is_on_the_page_of_errors():
    page = set(messages_of_page())
    absent = {m: where for where, m in messages_of_package() if m not in page}
    lines = [
        f"\n{where}\n   * - ``{message}``\n     - What it means, and what to do."
        for message, where in absent.items()
    ]
    assert not absent, (
        "Add to a table of docs/errors.rst, lines broken where you like:"
        + "".join(lines)
    )


def test_the_page_of_errors_has_no_message_that_is_gone():
    raised = {message for _, message in messages_of_package()}
    assert [message for message in messages_of_page() if message not in raised] == []


def test_every_message_has_an_advice_and_stands_once():
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(
        r"^   \* - (``.+?``)\n     - (.*?)(?=^   \* -|^\S|\Z)", text, re.M | re.S
    )
    assert len(rows) > 80
    assert [message for message, advice in rows if len(advice.split()) < 4] == []
    messages = messages_of_page()
    assert len(messages) == len(set(messages))


@pytest.mark.parametrize(
    "page", ["tuning", "explanations", "uncertainty", "open_questions"]
)
def test_code_of_the_page_runs(page):
    run_page(f"docs/{page}.rst")


def test_the_tuning_page_has_the_values_that_the_benchmark_measures():
    text = (ROOT / "docs" / "tuning.rst").read_text(encoding="utf-8")
    defaults, measured = {}, {}
    for label, value in re.findall(r"^   \* -(.*)\n     - ([\d.]+)\n", text, re.M):
        if label:
            name, default = re.fullmatch(
                r" ``(\w+)`` \((.+?)(?:: .*)?\)", label
            ).groups()
            defaults[name], measured[name] = ast.literal_eval(default), []
        measured[name].append(float(value))
    assert measured == RANGES
    parameters = STCGRegressor().get_params()
    assert defaults == {name: parameters[name] for name in defaults}


def test_the_version_is_that_of_the_citation():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall("^version: (.+)$", text, re.M) == [spatialheteroreg.__version__]


def test_the_tutorial_runs():
    model = "STCGRegressor(random_state=0)"
    quick = "STCGRegressor(n_folds=1, max_iter=3, random_state=0)"
    run_page("docs/tutorial.rst", {model: quick})
