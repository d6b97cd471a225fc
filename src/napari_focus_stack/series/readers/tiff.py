"""TIFF files as series: ImageJ, OME, Micro-Manager, LSM, MetaMorph, arrays and plain pages."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_focus_stack.errors import FocusStackError, InputError
from napari_focus_stack.io.plane_files import DAMAGE, Unreadable, reason
from napari_focus_stack.io.reading import read_stack, scan
from napari_focus_stack.io.spacing_metadata import spacing_in_micrometres
from napari_focus_stack.io.special_files import refuse_special
from napari_focus_stack.io.surplus_axes import refuse_results
from napari_focus_stack.io.tiff import MAGIC
from napari_focus_stack.io.tiff_file import open_first_page, open_tiff_file
from napari_focus_stack.series.axes import parse_axes
from napari_focus_stack.series.model import Channel, Position, Series
from napari_focus_stack.series.readers.arranged_tiff import TiffSeries
from napari_focus_stack.series.readers.ome_tiff import companion_xml, open_ome
from napari_focus_stack.series.readers.vendor_metadata import (
    metaseries_channel,
    metaseries_stage,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tifffile import TiffFile

    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.series.model import StackIndex

_UNREADABLE_XML = (
    "Its OME-XML cannot be read, so that its pages are taken as z; name other axes if they are none"
)


def open_tiff_series(path: Path, axes: str | None = None) -> Series | None:
    """Open a TIFF file, or the set of files that it belongs to, as a series.

    Parameters
    ----------
    path : pathlib.Path
        A TIFF, or the companion file of an OME set.
    axes : str, optional
        Names of the axes of the planes in their order, as in "TCZYX", which replace those in the
        file; with lengths where pages are one list, as in "T3C2ZYX".

    Returns
    -------
    Series or None
        None if the file is no TIFF.

    Raises
    ------
    InputError
        The file is damaged or holds results; or an axis has no name or is none of position, time,
        channel and z.
    SettingsError
        `axes` do not fit.
    """
    path = Path(path)
    refuse_special(path)
    xml = companion_xml(path)
    if xml is not None:
        series = open_ome(path, xml, axes)
        if series is None:
            raise InputError(f"'{path.name}' describes no image; give a TIFF file of its set.")
        return series
    try:
        with path.open("rb") as file:
            is_tiff = file.read(len(MAGIC[0])).startswith(MAGIC)
    except OSError as problem:
        raise InputError(f"'{path.name}' cannot be opened ({problem.strerror}).") from problem
    if not is_tiff:
        return None
    refuse_results(path.name)
    return _opened(path, axes)


def _opened(path: Path, axes: str | None) -> Series:
    """Open a TIFF by its kind."""
    notes: tuple[str, ...] = ()
    try:
        with open_tiff_file(path) as tif:
            if tif.is_ome and not _is_mmstack(tif):
                series = open_ome(path, tif.ome_metadata or "", axes)
                if series is not None:
                    return series
                notes = (f"{_UNREADABLE_XML}.",)
            else:
                found = TiffSeries.of(path, tif)
                if found is not None and (axes is not None or found.has_names):
                    named = tif.series[0].axes if found.has_names else None
                    return _with_names_noted(found.series(axes), named, axes)
            if axes is not None:
                return TiffSeries.of_pages(path, tif).series(axes)
    except FocusStackError:
        raise
    except Unreadable as problem:
        raise InputError(f"'{path.name}' cannot be read: {problem}.") from problem
    except DAMAGE as problem:
        raise InputError(f"'{path.name}' is a damaged TIFF ({reason(problem)}).") from problem
    return _plain_series(path, notes)


def _with_names_noted(series: Series, named: str | None, axes: str | None) -> Series:
    """Add the note that the caller's names of axes contradict those of the file."""
    if named is not None and axes is not None:
        given = "".join(letter for letter, _ in parse_axes(axes))
        if given != named:
            note = f"The file names its axes {named}; they were taken as {given}, as given."
            series.notes = (*series.notes, note)
    return series


def _is_mmstack(tif: TiffFile) -> bool:
    """Check whether an index of Micro-Manager describes the planes, rather than OME-XML."""
    return bool(tif.is_mmstack and tif.series[0].kind == "mmstack")


def _plain_series(path: Path, notes: Sequence[str]) -> Series:
    """Return a series of one stack, whose planes are the pages of a file."""
    scanned = scan(path)
    planes = len(scanned.entries)
    y, x, z = scanned.spacing.y, scanned.spacing.x, scanned.spacing.z
    channel, stage = _metaseries(path)
    position = Position(
        name="",
        times=1,
        channels=(channel,),
        planes=planes,
        plane_shape=scanned.plane_shape,
        dtype=scanned.dtype,
        spacing=spacing_in_micrometres(y, x, z if planes > 1 else None),
        stage=stage,
    )
    found = [*notes, *scanned.notes]
    return Series(
        path, "TIFF", [position], partial(_plain_stack, path), notes=found, files=scanned.files
    )


def _plain_stack(path: Path, _index: StackIndex) -> PlaneSource:
    """Return the only stack of a file."""
    return read_stack(path)


def _metaseries(path: Path) -> tuple[Channel, tuple[float, float] | None]:
    """Return channel and stage position of a file of MetaXpress."""
    with open_first_page(path) as page:
        if not page.is_metaseries:
            return Channel(), None
        try:
            metadata = page.parent.metaseries_metadata or {}
        except DAMAGE:  # the pixels may be sound all the same
            return Channel(), None
    return metaseries_channel(metadata), metaseries_stage(metadata)
