"""Places are paths or URLs; whatever fails there is said in one sentence that names the place."""

import os
import pickle
import sys
from pathlib import Path

import pytest

from napari_focus_stack.errors import InputError, OutputError
from napari_focus_stack.io.places import (
    absolute,
    absolute_name,
    as_place,
    is_missing,
    is_remote,
    read_bytes_of,
    read_errors,
    write_bytes_to,
)
from tests.cloud import BUCKET, assert_one_sentence


@pytest.mark.parametrize("text", ["film.tif", "/data/film", "./a:b", r"C:\data", "s3:/film"])
def test_what_is_no_url_is_a_path(text):
    place = as_place(text)
    assert place == Path(text)
    assert not is_remote(place)
    assert not is_remote(text)
    assert as_place(place) == place
    assert absolute(place) == Path(os.path.abspath(text))


def test_a_file_url_is_a_path(tmp_path):
    assert as_place(tmp_path.as_uri()) == tmp_path


@pytest.mark.parametrize(
    "text", ["s3://bucket/a/plate.ome.zarr", "https://host/a/b.zarr", "memory://a/b"]
)
def test_a_url_stays_what_it_is(text):
    place = as_place(f"{text}/")
    assert str(place) == text
    assert is_remote(place)
    assert as_place(place) is absolute(place) is place
    assert (str(place.parent), place.name) == tuple(text.rsplit("/", 1))
    assert str(place / "c" / "d") == f"{text}/c/d"
    assert str(pickle.loads(pickle.dumps(place))) == text
    assert absolute_name(text, Path("/folder")) == text
    assert not is_missing(text)


def test_names_on_disk_are_absolute_and_may_be_missing(tmp_path):
    assert absolute_name("a", tmp_path) == str(tmp_path / "a")
    assert is_missing(str(tmp_path / "a"))
    assert not is_missing(str(tmp_path))


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "upath", None)
    with pytest.raises(InputError, match=r"'s3://a/b' is a URL.*\[cloud\]"):
        as_place("s3://a/b")


def test_an_unknown_kind_of_url_is_refused():
    with pytest.raises(InputError, match="'gopher://a/b' starts with 'gopher://'"):
        as_place("gopher://a/b")


@pytest.fixture(params=["disk", "memory", "s3"])
def root(request, tmp_path, s3):
    if request.param == "disk":
        return tmp_path
    if request.param == "memory":
        return as_place(f"memory://{tmp_path.name}")
    return as_place(f"s3://{BUCKET}/{tmp_path.name}")


def test_a_file_is_what_was_written_last_and_stands_alone(root):
    place = root / "a.json"
    with pytest.raises(FileNotFoundError):
        read_bytes_of(place)
    for content in (b"first", b"", bytes(range(256))):
        write_bytes_to(place, content)
        assert read_bytes_of(place) == content
        assert [entry.name for entry in root.iterdir()] == ["a.json"]


def test_a_listing_has_what_others_wrote_since(s3, tmp_path):
    mine, theirs = (as_place(f"s3://{BUCKET}/{tmp_path.name}") for _ in range(2))
    for name in ("a", "b"):
        write_bytes_to(theirs / name, b"1")
        assert name in [entry.name for entry in mine.iterdir()]


def test_a_failed_write_leaves_what_was_there(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_bytes_to(tmp_path / "a", b"1")
    assert os.listdir(tmp_path) == ["a"]


def _failure(kind, work):
    with pytest.raises(kind) as caught:
        work()
    assert_one_sentence(str(caught.value))
    return str(caught.value)


def test_failures_of_a_server_are_one_sentence(s3):
    gone = as_place("s3://nowhere/a.json")
    assert "no such bucket" in _failure(OutputError, lambda: write_bytes_to(gone, b"1"))
    denied = as_place(f"s3://{BUCKET}/a.json")
    with s3.denying():
        found = _failure(OutputError, lambda: write_bytes_to(denied, b"1"))
    assert found.startswith(f"'s3://{BUCKET}/a.json' cannot be written: access is denied")
    assert "credentials" in found
    write_bytes_to(denied, b"2")


def test_a_server_that_is_not_there_is_named():
    place = as_place("http://127.0.0.1:9/a.json")

    def read():
        with read_errors(place):
            read_bytes_of(place)

    found = _failure(InputError, read)
    assert found.startswith("'http://127.0.0.1:9/a.json' cannot be read")
    assert found.endswith("; check the address and the network.")


def test_a_mistake_in_the_program_is_not_taken_for_the_network(s3):
    with pytest.raises(ZeroDivisionError), read_errors(as_place(f"s3://{BUCKET}/a")):
        _ = 1 / 0
