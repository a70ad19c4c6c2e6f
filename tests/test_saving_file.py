"""The file: whole or refused, old or new."""

import os
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save

from spatialheteroreg.saving import file as model_file
from spatialheteroreg.saving.file import pack, unpack, write_atomically

DOCUMENT = {"versions": {"spatialheteroreg": "7.8.9"}, "text": 'a "quote", ä, \\'}
TENSORS = {
    "numbers": np.arange(6.0).reshape(2, 3),
    "none": np.zeros((0, 4), dtype=np.float32),
    "one": np.array(True),
    "turned": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "every second": np.arange(8, dtype=np.uint8)[::2],
}
CONTENT = pack(DOCUMENT, TENSORS)


def test_the_content_comes_back():
    document, tensors = unpack(CONTENT, "here")
    assert document == DOCUMENT
    assert tensors.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        np.testing.assert_array_equal(tensors[name], array, strict=True)


def test_the_same_model_makes_the_same_file():
    assert pack(DOCUMENT, TENSORS) == CONTENT


def test_any_reader_of_safetensors_can_look_into_it(tmp_path):
    (tmp_path / "model").write_bytes(CONTENT)
    with safe_open(tmp_path / "model", "numpy") as file:
        assert set(file.keys()) == TENSORS.keys()
        assert '"format_version": 4' in file.metadata()["spatialheteroreg"]


class TestDamage:
    def test_a_change_of_any_single_bit_is_refused(self):
        for position in range(len(CONTENT)):
            for bit in range(8):
                altered = bytearray(CONTENT)
                altered[position] ^= 1 << bit
                with pytest.raises(ValueError, match="'here'"):
                    unpack(bytes(altered), "here")

    def test_a_file_cut_off_anywhere_is_refused(self):
        for length in range(len(CONTENT)):
            with pytest.raises(ValueError, match="'here'"):
                unpack(CONTENT[:length], "here")

    @given(st.integers(0, len(CONTENT) - 1), st.binary(min_size=1, max_size=9))
    def test_bytes_put_in_or_over_others_are_refused(self, position, piece):
        longer = CONTENT[:position] + piece + CONTENT[position:]
        with pytest.raises(ValueError, match="'here'"):
            unpack(longer, "here")
        over = CONTENT[:position] + piece + CONTENT[position + len(piece) :]
        if over != CONTENT:
            with pytest.raises(ValueError, match="'here'"):
                unpack(over, "here")

    def test_blanks_at_the_end_are_refused(self):
        with pytest.raises(ValueError, match="is damaged"):
            unpack(CONTENT + b" ", "here")

    def test_the_message_tells_what_to_do(self):
        altered = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
        with pytest.raises(ValueError, match=r"is damaged.*Copy it again"):
            unpack(altered, "here")


class TestForeignFiles:
    @given(st.binary(max_size=300))
    def test_random_bytes_are_refused(self, data):
        with pytest.raises(ValueError, match="not a file that save_model wrote"):
            unpack(data, "here")

    @given(st.binary(max_size=100))
    def test_random_headers_are_refused(self, header):
        data = len(header).to_bytes(8, "little") + header
        with pytest.raises(ValueError, match="not a file that save_model wrote"):
            unpack(data, "here")

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            pickle.dumps({"a": 1}),
            save({"a": np.zeros(2)}),
            save({"a": np.zeros(2)}, {"format": "pt"}),
            save({}, {"spatialheteroreg": "no JSON"}),
            save({}, {"spatialheteroreg": "[1]"}),
            save({}, {"spatialheteroreg": "{}"}),
            save({}, {"spatialheteroreg": '{"model": 1, "format_version": 4}'}),
            save({}, {"spatialheteroreg": '{"model": {}, "format_version": 4}'}),
            save({}, {"spatialheteroreg": "[" * 100_000}),
        ],
        ids=lambda data: str(data[8:40]),
    )
    def test_other_files_are_refused(self, data):
        with pytest.raises(ValueError, match="not a file that save_model wrote"):
            unpack(data, "here")

    @pytest.mark.parametrize(
        ("version", "message"),
        [
            (5, "format version 5, newer than the version 4"),
            (0, "format version 0, which is not the version 4"),
            ("x", "format version 'x', which is not"),
        ],
    )
    def test_another_format_version_is_named(self, monkeypatch, version, message):
        with monkeypatch.context() as patch:
            patch.setattr(model_file, "FORMAT_VERSION", version)
            other = pack(DOCUMENT, TENSORS)
        with pytest.raises(ValueError, match=message + ".*spatialheteroreg 7.8.9"):
            unpack(other, "here")

    def test_a_header_that_safetensors_would_not_read_is_not_written(self, monkeypatch):
        monkeypatch.setattr(model_file, "MAX_HEADER", 1000)
        with pytest.raises(ValueError, match="too many categories"):
            pack({"text": "x" * 1000}, {})


class TestWriting:
    def test_replaces_the_old_file_and_leaves_nothing_else(self, tmp_path):
        path = tmp_path / "model"
        write_atomically(path, b"old")
        write_atomically(path, b"new")
        assert path.read_bytes() == b"new"
        assert os.listdir(tmp_path) == ["model"]

    @pytest.mark.parametrize("step", ["fsync", "replace"])
    def test_a_failure_leaves_the_old_file_and_nothing_else(
        self, tmp_path, monkeypatch, step
    ):
        path = tmp_path / "model"
        write_atomically(path, b"old")

        def fail(*args):
            raise OSError("No space left on device")

        monkeypatch.setattr(os, step, fail)
        with pytest.raises(OSError, match="No space left"):
            write_atomically(path, b"new")
        assert path.read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["model"]

    def test_an_interrupt_leaves_the_old_file_and_nothing_else(
        self, tmp_path, monkeypatch
    ):
        path = tmp_path / "model"
        write_atomically(path, b"old")

        def interrupt(*args):
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_atomically(path, b"new")
        assert path.read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["model"]

    def test_follows_a_link(self, tmp_path):
        path, link = tmp_path / "model", tmp_path / "link"
        write_atomically(path, b"old")
        link.symlink_to(path)
        write_atomically(link, b"new")
        assert link.is_symlink()
        assert path.read_bytes() == b"new"

    def test_has_the_usual_rights(self, tmp_path):
        path, usual = tmp_path / "model", tmp_path / "usual"
        write_atomically(path, b"new")
        usual.write_bytes(b"")
        assert path.stat().st_mode == usual.stat().st_mode

    def test_takes_a_bare_name(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        write_atomically("model", b"new")
        assert (tmp_path / "model").read_bytes() == b"new"

    def test_a_folder_that_cannot_be_written_is_an_os_error(self, tmp_path):
        (tmp_path / "file").write_bytes(b"")
        (tmp_path / "folder").mkdir()
        for path in ("absent/model", "file/model", "folder"):
            with pytest.raises(OSError, match=path.split("/")[0]):
                write_atomically(tmp_path / path, b"new")
        assert sorted(os.listdir(tmp_path)) == ["file", "folder"]

    @pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() == 0,
        reason="root may write anywhere",
    )
    def test_a_folder_without_the_right_to_write_is_an_os_error(self, tmp_path):
        tmp_path.chmod(0o500)
        with pytest.raises(PermissionError):
            write_atomically(tmp_path / "model", b"new")
        tmp_path.chmod(0o700)
