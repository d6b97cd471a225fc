"""JSON of any depth and size is read whole, or refused by a ValueError."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_focus_stack import focus_stack
from napari_focus_stack.errors import InputError
from napari_focus_stack.io import json_documents, zarr_documents
from napari_focus_stack.io.json_documents import TooLargeError, parse_json, read_json
from napari_focus_stack.io.recipe import Recipe
from napari_focus_stack.series.opening import open_series
from napari_focus_stack.series.readers.zarr_nodes import read_node

DEEP = "[" * 100_000


@pytest.mark.parametrize("content", [DEEP, DEEP + "]" * 100_000, '{"a":' * 100_000, "1" * 5000])
def test_what_python_cannot_hold_is_a_value_error(content: str) -> None:
    with pytest.raises(ValueError, match=r"nested too deeply|4300"):
        parse_json(content)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_any_encoding_of_json_is_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.json").write_bytes('{"µ": 1}'.encode(encoding))
    assert read_json(tmp_path / "a.json") == {"µ": 1}


def test_a_document_larger_than_any_is_not_read(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(json_documents, "LARGEST", 100)
    (tmp_path / "a.json").write_bytes(b" " * 99 + b"1")
    assert read_json(tmp_path / "a.json") == 1
    (tmp_path / "a.json").write_bytes(b" " * 100 + b"1")
    with pytest.raises(TooLargeError, match="it has 101 bytes"):
        read_json(tmp_path / "a.json")
    planes = np.zeros((2, 9, 9), np.uint8)
    for read in (Recipe.read, lambda path: focus_stack(planes, transforms=path)):
        with pytest.raises(InputError, match="it has 101 bytes, more than"):
            read(tmp_path / "a.json")


@pytest.mark.filterwarnings("ignore:Consolidated metadata")  # of format 3
def test_consolidated_metadata_of_a_plate_may_be_larger_than_any_report(
    tmp_path: Path, monkeypatch
) -> None:
    zarr.create_group(tmp_path / "a.zarr").create_array("0", shape=(4, 4), dtype="u1")
    zarr.consolidate_metadata(tmp_path / "a.zarr")
    size = (tmp_path / "a.zarr" / "zarr.json").stat().st_size
    monkeypatch.setattr(json_documents, "LARGEST", 100)
    assert read_node(tmp_path / "a.zarr") is not None
    monkeypatch.setattr(zarr_documents, "_LARGEST", size - 1)
    with pytest.raises(InputError, match=r"bytes, more than .* without consolidated") as refused:
        read_node(tmp_path / "a.zarr")
    assert "damaged" not in str(refused.value)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device")
def test_a_link_to_a_device_without_an_end_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="is a device"):
        Recipe.read(tmp_path / "a.json")


@pytest.mark.parametrize("name", ["zarr.json", ".zattrs", ".zarray"])
def test_zarr_metadata_that_are_nested_too_deeply_are_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(DEEP)
    with pytest.raises(InputError, match=rf"{name}.*nested too deeply"):
        open_series(tmp_path)


@pytest.mark.parametrize("number", [10**400, float("inf")])
@pytest.mark.parametrize("key", ["transforms", "correction"])
def test_numbers_beyond_any_in_a_recipe_are_refused(tmp_path: Path, number, key: str) -> None:
    value = [[[number] * 3] * 3] if key == "transforms" else {"shape": [number, 1], "labels": ""}
    recipe = {"recipe": 2, "settings": {}, key: value}
    (tmp_path / "a.json").write_text(json.dumps({"napari-focus-stack": recipe}))
    if (key, number) == ("transforms", float("inf")):
        assert Recipe.read(tmp_path / "a.json").transforms is not None  # checked with the stack
        return
    with pytest.raises(InputError, match=key):
        Recipe.read(tmp_path / "a.json")
