"""Names of results that lie beside each other: an image, its maps, and the folder of reports."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from napari_focus_stack.errors import OutputError

if TYPE_CHECKING:
    from pathlib import PurePath

ROLES = ("image", "depth", "height", "confidence")
"""Maps of a series; heights only where the z step is known."""
TIFF_SUFFIXES = (".ome.tif", ".ome.tiff", ".tif", ".tiff")
ZARR_SUFFIXES = (".ome.zarr", ".zarr")


def split_name(out: PurePath) -> tuple[str, str]:
    """Return stem and suffix of the name of a series.

    Parameters
    ----------
    out : pathlib.PurePath
        Such as "film.ome.tif".

    Returns
    -------
    tuple of str
        Such as "film" and ".ome.tif".

    Raises
    ------
    OutputError
        The suffix is not one that holds a series, or the name has characters that none may have.
    """
    try:
        possible = b"\0" not in os.fsencode(out.name)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise OutputError(f"{str(out)!r} is no name that a file can have; choose another.")
    lower = out.name.lower()
    for suffix in (*TIFF_SUFFIXES, *ZARR_SUFFIXES):
        if lower.endswith(suffix) and len(lower) > len(suffix):
            return out.name[: -len(suffix)], out.name[-len(suffix) :]
    raise OutputError(
        f"'{out}' cannot hold a series; end it in .ome.tif or .ome.zarr, or give a folder "
        "that exists."
    )


def map_name(stem: str, label: str, role: str, suffix: str) -> str:
    """Return the name of one map.

    Parameters
    ----------
    stem : str
        Name that the user gave.
    label : str
        Label of the position; empty if there is one alone.
    role : str
        One of `ROLES`.
    suffix : str
        Such as ".ome.tif".

    Returns
    -------
    str
        Such as "film_B02_depth.ome.tif".
    """
    return "_".join(filter(None, (stem, label, "" if role == "image" else role))) + suffix


def report_folder_name(stem: str) -> str:
    """Return the name of the folder of reports.

    Parameters
    ----------
    stem : str
        Name that the user gave.

    Returns
    -------
    str
        Such as "film_reports".
    """
    return f"{stem}_reports"
