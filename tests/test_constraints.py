"""Pinned versions agree with the floors that the package states."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
# Tests of the oldest versions need no linters and no builders.
OLDEST_TOOLS = {"hypothesis", "polars", "pyarrow", "pytest"}


def floors():
    """Give the lowest version of each requirement, by extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = project["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    return {
        extra: {
            canonicalize_name(requirement.name): Version(
                next(iter(requirement.specifier)).version
            )
            for requirement in map(Requirement, lines)
        }
        for extra, lines in groups.items()
    }


def pins(file):
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def test_the_oldest_versions_are_the_floors():
    stated = floors()
    tools = {n: v for n, v in stated["test"].items() if n in OLDEST_TOOLS}
    extras = {**stated["plot"], **stated["geo"], **stated["cubes"]}
    needed = {**stated[""], **extras, **tools}
    oldest = pins("constraints-oldest.txt")
    assert {name: oldest.get(name) for name in needed} == needed


@pytest.mark.parametrize("extra", floors())
def test_the_pinned_versions_are_allowed(extra):
    pinned = pins("constraints.txt")
    below = {n: v for n, v in floors()[extra].items() if not pinned[n] >= v}
    assert below == {}


def test_extras_agree_on_floors():
    seen = {}
    for requirements in floors().values():
        for name, version in requirements.items():
            assert seen.setdefault(name, version) == version


def test_torch_is_the_same_in_both():
    torch = {
        pins(file)["torch"] for file in ("constraints.txt", "constraints-oldest.txt")
    }
    assert torch == {Version("2.13.0")}
