"""Opening of a series from a file or folder, whatever its format."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.io.listing import TIFF_SUFFIXES, is_folder
from napari_focus_stack.io.places import as_place, is_remote
from napari_focus_stack.series.model import Channel, Position, Series

if TYPE_CHECKING:
    from napari_focus_stack.io.listing import StackPath
    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.series.model import StackIndex


def open_series(
    path: StackPath,
    *,
    pattern: str | None = None,
    axes: str | None = None,
    skip_unreadable: bool = False,
) -> Series:
    """Open the stacks of an experiment: channels, time points and positions of a file or folder.

    Axes have names: those in the file, those in the names of the files, or those that the caller
    gives. They are never guessed: a folder or file whose names or axes fit nothing is refused. No
    pixel is read.

    Parameters
    ----------
    path : path or sequence of paths
        An OME-Zarr image or plate, also by its URL (with the extra `[cloud]`); a TIFF (ImageJ, OME,
        also of a set of files, NDTiff, LSM); a folder of files named by a microscope or by
        `pattern`; CZI, ND2 or LIF (with the extra `[microscopes]`), or a format that an installed
        bioio reader reads; or anything that `read_stack` reads.
    pattern : str, optional
        Names of the files in a folder, as in "{name}_t{t}_z{z}_c{c}.tif", with sub-folders where
        there are some ("ZStep_{z}/{name}_{well}_s{field}_w{c}.tif"). The fields are name, t, c, z,
        p, well and field.
    axes : str, optional
        Letters of the axes of a file that does not name them, slowest first: P (position), T, C, Z,
        Y, X, S (colour), as in "TCZYX"; with lengths where pages are one list: "T3C2ZYX".

    skip_unreadable : bool
        Of a plain stack, leave out files that are damaged or differ from the majority, as
        `read_stack` does; a series marks the stacks that cannot be read.

    Returns
    -------
    Series
        Positions, time points, channels and planes, and each stack on demand.

    Raises
    ------
    InputError
        The path does not exist, cannot be read, or its axes are not named.
    SettingsError
        The pattern or the axes are wrong or do not fit.

    Examples
    --------
    >>> from napari_focus_stack import open_series
    >>> series = open_series("film.ome.tif")  # doctest: +SKIP
    >>> series.stack(time=3, channel=1)  # doctest: +SKIP
    """
    from napari_focus_stack.series.readers.folder import open_folder
    from napari_focus_stack.series.readers.ome_zarr import open_ome_zarr

    if not isinstance(path, str | os.PathLike) and not is_remote(path):
        files = [as_place(file) for file in path]
        if len(files) != 1:
            _refuse_names(pattern, axes, "several files are one stack")
            _refuse_urls(files)
            return _one_stack(files, skip_unreadable)
        path = files[0]
    path = as_place(cast("Path", path))
    path = path if path.name else path.absolute()
    if is_remote(path):
        _refuse_names(pattern, axes, f"'{path}' is a URL, where OME-Zarr alone is read")
    if is_remote(path) or is_folder(path):
        found = open_ome_zarr(path)
        if found is not None:
            _refuse_names(pattern, axes, f"'{path.name}' names its axes itself")
            return found
        if axes is not None:
            raise SettingsError(
                f"axes name those of one file, and '{path}' is a folder; give its files' names by "
                "pattern='{name}_t{t}_z{z}.tif'."
            )
        found = _recorded_together(path) if pattern is None else None
        return found or open_folder(path, pattern) or _one_stack(path, skip_unreadable)
    if pattern is not None:
        raise SettingsError(f"pattern names the files of a folder, and '{path}' is a file.")
    from napari_focus_stack.series.readers.tiff import open_tiff_series

    found = open_tiff_series(path, axes)
    if found is not None and _is_plain(found):
        return _with_details(_one_stack(path, skip_unreadable), found)
    if found is None:
        found = _of_microscope(path, axes)
    return found or _one_stack(path, skip_unreadable)


def find_series(path: Path) -> Series | None:
    """Open a file or folder as a series, unless it is one plain stack.

    Parameters
    ----------
    path : pathlib.Path
        As for `open_series`.

    Returns
    -------
    Series or None
        None for what `read_stack` opens or refuses.

    Raises
    ------
    InputError
        The path does not exist, cannot be read, or its axes are not named.
    """
    from napari_focus_stack.series.readers.folder import open_folder
    from napari_focus_stack.series.readers.ome_zarr import open_ome_zarr
    from napari_focus_stack.series.readers.tiff import open_tiff_series

    if is_remote(path) or is_folder(path):
        return open_ome_zarr(path) or _recorded_together(path) or open_folder(path)
    found = open_tiff_series(path)
    if found is None:
        return _of_microscope(path, None)
    return None if _is_plain(found) else found


def _is_plain(found: Series) -> bool:
    """Check whether a TIFF is one stack in one file."""
    return found.is_one_stack and set(found.files) <= {found.path}


def _of_microscope(path: Path, axes: str | None) -> Series | None:
    """Open a file of a microscope's own format, whose axes have names."""
    from napari_focus_stack.series.readers.microscopes import open_microscope_file

    found = open_microscope_file(path)
    if found is not None:
        _refuse_names(None, axes, f"'{path.name}' names its axes itself")
    return found


def _recorded_together(folder: Path) -> Series | None:
    """Return the series of an NDTiff, or of OME-TIFFs that name each other, in a folder.

    Their metadata count, not the names of the files. A single stack is left to `read_stack`.
    """
    listed = os.listdir(folder)
    is_ndtiff = NDTIFF_INDEX in listed
    if not is_ndtiff and not any(".ome." in name.lower() for name in listed):
        return None
    from natsort import natsorted

    from napari_focus_stack.series.readers.tiff import open_tiff_series

    names = natsorted(name for name in listed if Path(name).suffix.lower() in TIFF_SUFFIXES)
    if not names:
        return None
    found = open_tiff_series(folder / names[0])
    if found is None or found.is_one_stack:
        return None
    whole = {folder / name for name in names} <= set(found.files)
    return found if is_ndtiff or (whole and len(names) > 1) else None


def _refuse_names(pattern: str | None, axes: str | None, why: str) -> None:
    """Refuse a pattern or axes that would have no effect."""
    for name, value in (("pattern", pattern), ("axes", axes)):
        if value is not None:
            raise SettingsError(f"{name} has no effect here, because {why}; leave it out.")


def _refuse_urls(files: list[Path]) -> None:
    """Refuse URLs among several files."""
    for file in files:
        if is_remote(file):
            raise InputError(
                f"'{file}' is a URL, and of URLs one OME-Zarr is read; copy the files to a disk."
            )


def _with_details(stack: Series, found: Series) -> Series:
    """Return a plain stack with the names, times and format of a reader of series."""
    return Series(
        stack.path,
        found.kind,
        found.positions,
        lambda index: stack.stack(),
        notes=stack.notes,
        files=stack.files,
    )


def _one_stack(path: StackPath, skip_unreadable: bool) -> Series:
    """Return a single stack as a series of one."""
    from napari_focus_stack.io.reading import read_stack

    source = read_stack(path, skip_unreadable=skip_unreadable)
    position = Position(
        "", 1, (Channel(),), len(source), source.plane_shape, source.dtype, source.spacing
    )

    def read(_index: StackIndex) -> PlaneSource:
        return source

    where = Path(path) if isinstance(path, str | os.PathLike) else source.files[0].parent
    return Series(
        where,
        STACK,
        [position],
        read,
        notes=source.notes,
        files=[*source.files, *source.inputs],
        stack_files=lambda _index: source.files,
    )


NDTIFF_INDEX = "NDTiff.index"
STACK = "stack"
"""Kind of a series that is one plain stack."""
