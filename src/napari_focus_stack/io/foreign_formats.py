"""Formats that are no plain images: their names, and how their images come here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_EXTRA = (
    'give it alone, which needs pip install "napari-focus-stack[microscopes]", or save it as '
    "OME-TIFF with Fiji"
)
_FIJI = "install a bioio reader of it, or save it as OME-TIFF with Fiji, whose Bio-Formats reads it"
_EDITOR = "save it as PNG or TIFF with an image editor"
_FRAMES = "save its frames as PNG, for example with ffmpeg"
_ARRAY = "open it in Python and give focus_stack the array"


@dataclass(frozen=True)
class ForeignFormat:
    """A format that is no plain image: a reader of series reads it, or another program.

    Attributes
    ----------
    name : str
        Name with its article, such as "a Zeiss CZI file".
    remedy : str
        How its images come here.
    """

    name: str
    remedy: str


_BY_SUFFIX = {
    ".czi": ForeignFormat("a Zeiss CZI file", _EXTRA),
    ".zvi": ForeignFormat("a Zeiss ZVI file", _FIJI),
    ".lif": ForeignFormat("a Leica LIF file", _EXTRA),
    ".lof": ForeignFormat("a Leica LOF file", _FIJI),
    ".xlef": ForeignFormat("a Leica XLEF file", _FIJI),
    ".nd2": ForeignFormat("a Nikon ND2 file", _EXTRA),
    ".oib": ForeignFormat("an Olympus OIB file", _FIJI),
    ".oif": ForeignFormat("an Olympus OIF file", _FIJI),
    ".oir": ForeignFormat("an Olympus OIR file", _FIJI),
    ".vsi": ForeignFormat("an Olympus VSI file", _FIJI),
    ".ims": ForeignFormat("an Imaris file", _FIJI),
    ".dv": ForeignFormat("a DeltaVision file", _FIJI),
    ".r3d": ForeignFormat("a DeltaVision file", _FIJI),
    ".sld": ForeignFormat("a SlideBook file", _FIJI),
    ".mrxs": ForeignFormat("a Mirax slide", _FIJI),
    ".dcm": ForeignFormat("a DICOM file", _FIJI),
    ".nrrd": ForeignFormat("an NRRD volume", _FIJI),
    ".mha": ForeignFormat("a MetaImage volume", _FIJI),
    ".mhd": ForeignFormat("a MetaImage volume", _FIJI),
    ".nii": ForeignFormat("a NIfTI volume", _FIJI),
    ".mrc": ForeignFormat("an MRC volume", _FIJI),
    ".fits": ForeignFormat("a FITS file", _FIJI),
    ".gif": ForeignFormat("a GIF", _EDITOR),
    ".avif": ForeignFormat("an AVIF picture", _EDITOR),
    ".jxl": ForeignFormat("a JPEG XL picture", _EDITOR),
    ".exr": ForeignFormat("an OpenEXR picture", _EDITOR),
    ".hdr": ForeignFormat("a Radiance picture", _EDITOR),
    ".psd": ForeignFormat("a Photoshop file", _EDITOR),
    ".psb": ForeignFormat("a Photoshop file", _EDITOR),
    ".xcf": ForeignFormat("a GIMP file", _EDITOR),
    ".avi": ForeignFormat("an AVI film", _FRAMES),
    ".mp4": ForeignFormat("an MP4 film", _FRAMES),
    ".mov": ForeignFormat("a QuickTime film", _FRAMES),
    ".mkv": ForeignFormat("a Matroska film", _FRAMES),
    ".h5": ForeignFormat("an HDF5 file", _ARRAY),
    ".hdf5": ForeignFormat("an HDF5 file", _ARRAY),
    ".npy": ForeignFormat("a NumPy array", _ARRAY),
    ".npz": ForeignFormat("a NumPy archive", _ARRAY),
}
"""Formats by suffix, in lower case."""
_BY_START = {
    b"ZISRAWFILE": ".czi",
    b"\xda\xce\xbe\x0a": ".nd2",
    b"\x70\0\0\0": ".lif",
    b"8BPS": ".psd",
    b"GIF8": ".gif",
    b"\x76\x2f\x31\x01": ".exr",
    b"#?RADIANCE": ".hdr",
    b"\xff\x0a": ".jxl",
    b"SIMPLE  =": ".fits",
    b"\x89HDF": ".h5",
    b"\x93NUMPY": ".npy",
    b"NRRD": ".nrrd",
}
"""Suffixes of formats by their first bytes, for files with another name."""
_BY_BRAND = {b"avif": ".avif", b"avis": ".avif", b"qt  ": ".mov", b"jxl ": ".jxl"}
"""Suffixes of formats by the brand of their container."""


def foreign_suffix(path: Path) -> bool:
    """Return whether a file has the suffix of a format that other programs read.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    bool
        Contents are not looked at.
    """
    return path.suffix.lower() in _BY_SUFFIX


def microscope_suffix(path: Path) -> bool:
    """Return whether a file has the suffix of a microscope or scanner: a film or table has not.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    bool
        Contents are not looked at.
    """
    found = _BY_SUFFIX.get(path.suffix.lower())
    return found is not None and found.remedy in (_EXTRA, _FIJI)


def foreign_format(path: Path, head: bytes = b"") -> ForeignFormat | None:
    """Return the format of a file that is not read here.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    head : bytes
        Its first bytes, which count more than the suffix.

    Returns
    -------
    ForeignFormat or None
        None if the format is unknown.
    """
    suffix = next((s for start, s in _BY_START.items() if head.startswith(start)), "")
    if head[4:8] == b"ftyp":
        suffix = _BY_BRAND.get(head[8:12], ".mp4")
    return _BY_SUFFIX.get(suffix or path.suffix.lower())
