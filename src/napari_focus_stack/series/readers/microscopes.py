"""Files of microscopes: a reader is chosen by content, and by suffix where content is shared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.camera_formats import HEIC_SUFFIXES, RAW_SUFFIXES
from napari_focus_stack.io.foreign_formats import foreign_suffix
from napari_focus_stack.io.listing import SUFFIXES
from napari_focus_stack.io.special_files import refuse_special
from napari_focus_stack.io.tiff import MAGIC
from napari_focus_stack.series.readers.bioio_files import open_bioio
from napari_focus_stack.series.readers.held_file import UnsupportedHereError
from napari_focus_stack.series.readers.leica_lif import open_lif
from napari_focus_stack.series.readers.nikon_nd2 import open_nd2
from napari_focus_stack.series.readers.zeiss_czi import open_czi

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_focus_stack.series.model import Series

_READERS: dict[str, Callable[[Path], Series]] = {
    ".czi": open_czi,
    ".nd2": open_nd2,
    ".lif": open_lif,
}
_HEAD = 12
_CZI, _ND2, _LIF, _LIF_MARK = b"ZISRAWFILE", b"\xda\xce\xbe\x0a", b"\x70\0\0\0", 0x2A
_JPEG_2000 = b"\0\0\0\x0cjP  \r\n\x87\n"
"""Start of ND2 files before 2010 and of JPEG 2000 pictures."""
_READ_ELSEWHERE = SUFFIXES | RAW_SUFFIXES | HEIC_SUFFIXES


def open_microscope_file(path: Path) -> Series | None:
    """Open a CZI, ND2 or LIF file, or another one that an installed reader of bioio reads.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    Series or None
        None if it is a folder, or a file that no such reader reads.

    Raises
    ------
    UnsupportedHereError
        The library of its format is not installed, or cannot read the file with this Python.
    InputError
        The file is missing or damaged, or is not what its name says.
    """
    if path.is_dir():
        return None
    head = _head(path)
    suffix = path.suffix.lower()
    reader = _READERS.get(_format(path, head))
    if reader is not None:
        return _opened(path, reader)
    if suffix in _READERS and not head.startswith(MAGIC):
        what = "is empty" if not head else f"is no {suffix[1:].upper()} file, though named so"
        raise InputError(f"'{path.name}' {what}; copy it again, or choose another.")
    return None if suffix in _READ_ELSEWHERE or head.startswith(MAGIC) else open_bioio(path)


def _opened(path: Path, reader: Callable[[Path], Series]) -> Series:
    """Open a file with our reader, or with that of bioio where ours cannot read it here."""
    try:
        return reader(path)
    except UnsupportedHereError:
        found = open_bioio(path)
        if found is None:
            raise
        return found


def _head(path: Path) -> bytes:
    """Read the first bytes of a file."""
    refuse_special(path)
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except FileNotFoundError:
        raise InputError(f"There is no file or folder '{path}'; check the path.") from None
    except OSError as problem:
        raise InputError(
            f"'{path}' cannot be opened ({problem.strerror}); check its permissions."
        ) from problem


def _format(path: Path, head: bytes) -> str:
    """Return the suffix of a format of ours by the first bytes; empty if it is another."""
    suffix = path.suffix.lower()
    if head.startswith(_CZI):
        return ".czi"
    if head.startswith(_ND2) or (head == _JPEG_2000 and suffix == ".nd2"):
        return ".nd2"
    # Leica's other formats, such as LOF, begin as LIF does
    is_lif = head.startswith(_LIF) and head[8:9] == bytes((_LIF_MARK,))
    if is_lif and (suffix == ".lif" or not foreign_suffix(path)):
        return ".lif"
    return ""
