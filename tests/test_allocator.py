"""Memory that was freed goes back to the system."""

import ctypes
import sys

import pytest

from spatialheteroreg.allocator import give_back


class CLibrary:
    """Stands in for a C library, with glibc's function or without."""

    def __init__(self, *names):
        self.called = []
        for name in names:
            setattr(self, name, self.called.append)


@pytest.mark.parametrize(
    ("platform", "names", "called"),
    [
        ("linux", ["malloc_trim"], [0]),
        ("linux", [], []),
        ("darwin", ["malloc_trim"], []),
        ("win32", ["malloc_trim"], []),
    ],
)
def test_only_glibc_is_asked(monkeypatch, platform, names, called):
    library = CLibrary(*names)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    give_back()
    assert library.called == called
