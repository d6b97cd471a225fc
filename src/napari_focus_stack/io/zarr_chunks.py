"""Chunks of zarr arrays, read and unpacked into no more memory than their metadata declare.

zarr and numcodecs allocate what the head of a chunk claims, 4 GiB for one of a few bytes, and
unpack streams such as gzip to their end, whatever the shape of the chunk.
"""

from __future__ import annotations

import bz2
import lzma
import math
import re
import zlib
from asyncio import to_thread
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import zarr
from zarr.abc.codec import ArrayArrayCodec, BytesBytesCodec
from zarr.codecs import ShardingCodec
from zarr.registry import get_numcodec
from zarr.storage import LocalStore, StorePath

from napari_focus_stack.io.special_files import special_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from zarr.abc.codec import Codec
    from zarr.abc.store import ByteRequest
    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer, BufferPrototype
    from zarr.storage import StoreLike

_SLACK = 2**16
"""Bytes by which the steps between stored bytes and values may exceed twice the values."""
_TYPES = ("dtype", "astype", "encode_dtype", "decode_dtype")
"""Options of filters that name a type of values, such as `AsType` and `FixedScaleOffset` have."""
_NUMBER = re.compile(r"[<>|=]?[iufc]\d{1,2}|(?:u?int|float|complex)\d{1,3}")
_ZSTD = b"\x28\xb5\x2f\xfd"


def open_bounded(store: StoreLike, path: str = "") -> zarr.Array[Any]:
    """Open an array for reading whose chunks take no more memory than its metadata declare.

    Parameters
    ----------
    store : zarr.abc.store.Store or path
        The store.
    path : str, optional
        Path of the array in it.

    Returns
    -------
    zarr.Array
        The array. It raises ValueError for a chunk that is stored in, or unpacks to, far more bytes
        than its values have, and for one that is a device or a pipe.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError
        Of zarr: there is no array, or its metadata are damaged.
    """
    return _bounded(zarr.open_array(store, path=path, mode="r"))


def _bounded(array: zarr.Array[Any]) -> zarr.Array[Any]:
    metadata = array.metadata
    is_whole = True
    changed: Any
    if metadata.zarr_format == 2:
        packer, filters = metadata.compressor, metadata.filters
        widest = _widest(one.get_config() for one in filters or ())
        limit = _limit(array.chunks, array.dtype, widest)
        changed = replace(
            metadata,
            compressor=packer and _BoundedPacker(packer, limit),
            filters=filters and tuple(_BoundedPacker(one, limit) for one in filters),
        )
    else:
        limit = _limit(array.chunks, array.dtype, _widest_of_codecs(metadata.codecs))
        is_whole = not any(isinstance(codec, ShardingCodec) for codec in metadata.codecs)
        changed = replace(metadata, codecs=_bounded_codecs(metadata.codecs))
    place = array.store_path
    if isinstance(place.store, LocalStore):
        # a shard keeps the bytes of chunks that were replaced, so its size has no bound
        store = _ChunkFiles(place.store.root, limit if is_whole else None)
        place = StorePath(store, place.path)
    return zarr.Array(zarr.AsyncArray(changed, place))


def _limit(shape: Iterable[int], dtype: np.dtype[Any], widest: int) -> int:
    """Return the most bytes that a chunk takes in any step of its coding."""
    return 2 * math.prod(shape) * max(dtype.itemsize, widest) + _SLACK


def _widest(filters: Iterable[Mapping[str, Any]]) -> int:
    """Return the bytes of the widest number that filters make of a value, by their options."""
    found = (str(options.get(name)) for options in filters for name in _TYPES)
    return max((_bytes_of_number(text) for text in found if _NUMBER.fullmatch(text)), default=0)


def _bytes_of_number(text: str) -> int:
    try:
        return np.dtype(text).itemsize
    except TypeError:  # such as "f3"
        return 0


def _widest_of_codecs(codecs: Iterable[Codec]) -> int:
    described: list[Mapping[str, Any]] = [
        codec.to_dict() for codec in codecs if isinstance(codec, ArrayArrayCodec)
    ]
    return _widest(codec.get("configuration", {}) for codec in described)


def _bounded_codecs(codecs: Sequence[Codec]) -> tuple[Codec, ...]:
    """Return codecs of format 3 that refuse what exceeds their chunk."""
    widest = _widest_of_codecs(codecs)
    return tuple(
        replace(codec, codecs=_bounded_codecs(codec.codecs))
        if isinstance(codec, ShardingCodec)
        else _BoundedCodec(codec, widest)
        if isinstance(codec, BytesBytesCodec)
        else codec
        for codec in codecs
    )


class _ChunkFiles(LocalStore):
    """Files of a folder, of which those that cannot be chunks are not read.

    Parameters
    ----------
    root : pathlib.Path
        The folder.
    largest : int or None
        Bytes of the largest chunk; None for any.
    """

    def __init__(self, root: Path, largest: int | None) -> None:
        super().__init__(root, read_only=True)
        self._largest = largest

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Read a file; None if it is missing."""
        path = Path(self.root, key)
        kind = special_kind(path)
        if kind is not None:
            raise ValueError(f"its chunk '{key}' is {kind} and no file")
        if self._largest is not None and path.is_file() and path.stat().st_size > self._largest:
            raise ValueError(f"its chunk '{key}' has far more bytes than its values have")
        return await super().get(key, prototype, byte_range)


@dataclass(frozen=True)
class _BoundedCodec(BytesBytesCodec):
    """Codec of format 3 that unpacks no more than its chunk holds."""

    codec: BytesBytesCodec
    widest: int
    is_fixed_size = False

    def to_dict(self) -> dict[str, Any]:
        return self.codec.to_dict()

    def evolve_from_array_spec(self, array_spec: ArraySpec) -> _BoundedCodec:
        return replace(self, codec=self.codec.evolve_from_array_spec(array_spec))

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        return self.codec.compute_encoded_size(input_byte_length, chunk_spec)

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> Buffer:
        limit = _limit(chunk_spec.shape, chunk_spec.dtype.to_native_dtype(), self.widest)
        described: Mapping[str, Any] = self.codec.to_dict()
        name = described["name"].removeprefix("numcodecs.")
        options = described.get("configuration", {})
        unpacked = await to_thread(_unpacked, name, options, chunk_bytes.as_numpy_array(), limit)
        if unpacked is None:
            return await self.codec._decode_single(chunk_bytes, chunk_spec)
        return chunk_spec.prototype.buffer.from_bytes(unpacked)


class _BoundedPacker:
    """Compressor or filter of format 2 that unpacks no more than its chunk holds.

    Parameters
    ----------
    packer : numcodecs.abc.Codec
        The compressor or filter.
    limit : int
        Most bytes that it may return.
    """

    codec_id = "bounded"

    def __init__(self, packer: Any, limit: int) -> None:
        self._packer, self._limit = packer, limit

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Unpack a chunk."""
        data = np.frombuffer(buf, np.uint8)
        config = self._packer.get_config()
        unpacked = _unpacked(self._packer.codec_id, config, data, self._limit)
        return self._packer.decode(buf, out) if unpacked is None else unpacked

    def encode(self, buf: Any) -> Any:
        """Pack a chunk."""
        return self._packer.encode(buf)

    def get_config(self) -> Any:
        """Return the options in the metadata of an array."""
        return self._packer.get_config()

    @classmethod
    def from_config(cls, config: Any) -> _BoundedPacker:
        """Make a codec of options, which zarr wants every codec to have."""
        return cls(get_numcodec(config), _SLACK)


def _unpacked(
    name: str, options: Mapping[str, Any], data: NDArray[Any], limit: int
) -> bytes | None:
    """Unpack a format whose chunks do not say their size; None for others, which are checked."""
    if name in _STREAMS:
        return _unpacked_stream(name, options, data, limit)
    head = data[:8].tobytes()
    if name == "blosc":
        _check(int.from_bytes(head[4:8], "little"), limit)
    elif name == "lz4":
        _check(int.from_bytes(head[:4], "little"), limit)
    elif name == "zstd":
        size = _zstd_size(data[:18].tobytes())
        if size is None:
            return bytes(imagecodecs.zstd_decode(data.tobytes(), out=bytearray(limit)))
        _check(size, limit)
    return None


def _check(size: int, limit: int) -> None:
    """Raise a ValueError for a chunk that is too large."""
    if size > limit:
        raise ValueError(f"a chunk of it declares {size} bytes, far more than its values have")


def _zstd_size(head: bytes) -> int | None:
    """Return the bytes that the first frame of zstd declares (RFC 8878, 3.1.1.1); None if not."""
    if len(head) < 5 or head[:4] != _ZSTD:
        return 0  # no frame, which its decoder refuses
    described = head[4]
    is_single = bool(described & 0x20)
    length = (int(is_single), 2, 4, 8)[described >> 6]
    if not length:
        return None
    start = 5 + (not is_single) + (0, 1, 2, 4)[described & 3]
    size = int.from_bytes(head[start : start + length], "little")
    return size + 256 if length == 2 else size


def _unpacked_stream(
    name: str, options: Mapping[str, Any], data: NDArray[Any], limit: int
) -> bytes:
    """Unpack streams that follow each other, as far as their chunk may reach.

    What follows the streams is left out as by numcodecs: anything after one of zlib, what is no
    stream after those of bz2 and lzma, zeros after those of gzip.
    """
    parts: list[bytes] = []
    rest, left = data.tobytes(), limit
    while not parts or (rest.rstrip(b"\0") and name != "zlib"):
        stream = _STREAMS[name](options)
        try:
            parts.append(stream.decompress(rest, left + 1))
        except (OSError, lzma.LZMAError) as problem:  # of bz2 and lzma
            if parts:
                break
            raise ValueError("a chunk of it is damaged") from problem
        left -= len(parts[-1])
        if left < 0:
            raise ValueError("a chunk of it holds far more bytes than its values have")
        if not stream.eof:
            raise EOFError("a chunk of it ends early")
        rest = stream.unused_data
    return b"".join(parts)


def _lzma(options: Mapping[str, Any]) -> lzma.LZMADecompressor:
    """Return the decompressor of numcodecs' options."""
    return lzma.LZMADecompressor(
        options.get("format", lzma.FORMAT_XZ), filters=options.get("filters")
    )


_STREAMS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "gzip": lambda _: zlib.decompressobj(wbits=31),
    "zlib": lambda _: zlib.decompressobj(),
    "bz2": lambda _: bz2.BZ2Decompressor(),
    "lzma": _lzma,
}
