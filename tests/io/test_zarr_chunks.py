"""Chunks of zarr arrays take no more memory than their metadata declare; sound ones are read."""

import bz2
import contextlib
import gzip
import lzma
import os
import sys
import tracemalloc
import warnings
import zlib

import numcodecs
import numpy as np
import pytest
import zarr
from zarr import codecs

from napari_focus_stack.io.plane_files import DAMAGE
from napari_focus_stack.io.zarr_chunks import open_bounded

VALUES = np.arange(2 * 30 * 40, dtype=np.uint16).reshape(2, 30, 40)
PACKERS = {
    "gzip": {"compressors": codecs.GzipCodec()},
    "blosc": {"compressors": codecs.BloscCodec()},
    "zstd": {"compressors": [codecs.ZstdCodec(), codecs.Crc32cCodec()]},
    "shards": {"compressors": codecs.ZstdCodec(), "chunks": (1, 15, 20), "shards": (1, 30, 40)},
    "none": {"compressors": None},
    "zlib-2": {"compressors": numcodecs.Zlib(), "filters": [numcodecs.Delta("<u2")]},
    "bz2-2": {"compressors": numcodecs.BZ2()},
    "lzma-2": {"compressors": numcodecs.LZMA()},
    "lz4-2": {"compressors": numcodecs.LZ4()},
    "zstd-2": {"compressors": numcodecs.Zstd()},
    "blosc-2": {"compressors": numcodecs.Blosc()},
    "gzip-2": {"compressors": numcodecs.GZip()},
}
MUCH = bytes(2**26)
ZSTD_LONG = b"\x28\xb5\x2f\xfd\x00\x58" + (((2**17) << 3) | 2).to_bytes(3, "little") + b"\x00"
"""Frame without its size, whose blocks repeat a byte; a block unpacks to 128 KiB."""
BOMBS = {
    "gzip": gzip.compress(MUCH, 1),
    "gzip-2": gzip.compress(bytes(60_000), 1) * 9,
    "zlib-2": zlib.compress(MUCH, 1),
    "bz2-2": bz2.compress(MUCH, 1),
    "lzma-2": lzma.compress(bytes(2**24), preset=0),
    "lz4-2": b"\xff\xff\xff\x7f" + bytes(40),
    "blosc": b"\x02\x01\x91\x02\xff\xff\xff\x7f" + bytes(300),
    "blosc-2": b"\x02\x01\x91\x02\xff\xff\xff\xff" + bytes(300),  # -1 for numcodecs
    "zstd-2": b"\x28\xb5\x2f\xfd\xa0\xff\xff\xff\x7f" + bytes(40),
    "zstd": ZSTD_LONG[:6] + ZSTD_LONG[6:] * 500,
}


def written(path, kind):
    form = {"chunks": (1, 30, 40), "zarr_format": 2 if kind.endswith("-2") else 3, **PACKERS[kind]}
    stored = zarr.create_array(path, shape=VALUES.shape, dtype=VALUES.dtype, **form)
    stored[...] = VALUES
    return path / ("1.0.0" if kind.endswith("-2") else "c/1/0/0")


@pytest.mark.parametrize("kind", PACKERS)
def test_sound_chunks_are_read(tmp_path, kind):
    written(tmp_path, kind)
    assert np.array_equal(open_bounded(tmp_path)[...], VALUES)


def test_an_array_that_is_opened_makes_python_forget_no_warning(tmp_path):
    written(tmp_path, "none")
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        for _ in range(2):
            warnings.warn("of another program", stacklevel=1)
            open_bounded(tmp_path)
    assert [str(one.message) for one in shown].count("of another program") == 1


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("filter_of", ["AsType", "FixedScaleOffset"])
@pytest.mark.parametrize("form", [2, 3])
def test_filters_may_store_wider_numbers_than_the_array_has(tmp_path, form, filter_of, *, packed):
    options = {
        "AsType": {"encode_dtype": "<f8", "decode_dtype": "<u2"},
        "FixedScaleOffset": {"offset": 0, "scale": 1, "dtype": "<u2", "astype": "<f8"},
    }[filter_of]
    home, packer = (codecs, codecs.GzipCodec()) if form == 3 else (numcodecs, numcodecs.Zlib())
    values = np.random.default_rng(0).integers(0, 255, (300, 400), np.uint16)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Numcodecs codecs")
        wide = getattr(home, filter_of)(**options)
    zarr.create_array(
        tmp_path,
        data=values,
        chunks=values.shape,
        zarr_format=form,
        filters=[wide],
        compressors=packer if packed else None,
    )
    assert np.array_equal(open_bounded(tmp_path)[...], values)
    chunk = tmp_path / ("0.0" if form == 2 else "c/0/0")
    chunk.write_bytes(gzip.compress(MUCH, 1) if form == 3 else zlib.compress(MUCH, 1))
    if packed:
        with pytest.raises(ValueError, match="far more"):
            open_bounded(tmp_path)[...]


@pytest.mark.parametrize("tail", [b"\0\0\0", b"\0\0x", b"x", b"BZh9?", b"\x1f\x8b"])
@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("kind", ["zlib-2", "bz2-2", "lzma-2", "gzip-2"])
def test_bytes_after_a_chunk_are_left_out_or_refused_as_zarr_does(tmp_path, kind, tail, *, twice):
    chunk = written(tmp_path, kind)
    whole = chunk.read_bytes()
    if twice and kind != "zlib-2":
        packer = PACKERS[kind]["compressors"]
        raw = VALUES[1].tobytes()
        whole = b"".join(bytes(packer.encode(part)) for part in (raw[:1000], raw[1000:]))
    chunk.write_bytes(whole + tail)
    try:
        expected = zarr.open_array(tmp_path, mode="r")[...]
    except (*DAMAGE, lzma.LZMAError):
        with contextlib.suppress(*DAMAGE):
            assert np.array_equal(open_bounded(tmp_path)[...], VALUES)
    else:
        assert np.array_equal(expected, VALUES)
        assert np.array_equal(open_bounded(tmp_path)[...], VALUES)
    chunk.write_bytes(tail)
    with pytest.raises(DAMAGE):
        open_bounded(tmp_path)[...]


@pytest.mark.parametrize("kind", BOMBS)
def test_chunks_that_declare_or_hold_far_more_are_refused_before_they_take_memory(tmp_path, kind):
    chunk = written(tmp_path, kind)
    data = BOMBS[kind]
    if kind == "zstd":
        data += numcodecs.registry.get_codec({"id": "crc32c"}).encode(data)[-4:].tobytes()
    chunk.write_bytes(data)
    array = open_bounded(tmp_path)
    assert np.array_equal(array[0], VALUES[0])
    tracemalloc.start()
    try:
        with pytest.raises((ValueError, RuntimeError), match=r"far more|too small"):
            array[1]
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_a_frame_without_its_size_and_streams_that_follow_each_other_are_read(tmp_path):
    plane = np.full((1, 30, 40), 0x0707, np.uint16)
    chunk = written(tmp_path / "zstd", "zstd-2")
    block = ((plane.nbytes << 3) | 3).to_bytes(3, "little")
    chunk.write_bytes(b"\x28\xb5\x2f\xfd\x00\x58" + block + b"\x07")
    assert np.array_equal(open_bounded(tmp_path / "zstd")[1:], plane)
    chunk = written(tmp_path / "gzip", "gzip")
    raw = plane.tobytes()
    chunk.write_bytes(gzip.compress(raw[:1000]) + gzip.compress(raw[1000:]))
    assert np.array_equal(open_bounded(tmp_path / "gzip")[1:], plane)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_chunks_that_are_devices_or_far_too_large_are_not_read(tmp_path):
    chunk = written(tmp_path, "none")
    with chunk.open("wb") as file:
        file.truncate(2**33)
    with pytest.raises(ValueError, match="c/1/0/0' has far more bytes"):
        open_bounded(tmp_path)[1]
    chunk.unlink()
    os.mkfifo(chunk)
    with pytest.raises(ValueError, match="c/1/0/0' is a pipe"):
        open_bounded(tmp_path)[1]
