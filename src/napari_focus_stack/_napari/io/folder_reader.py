"""Reader for napari: a stack as one layer, a series as one for each channel; pixels stay on disk.

The manifest offers it for folders and for formats that napari itself does not read, so that napari
needs no dialog to open a single image. Lists of files work, too, for napari's "Open Files as
Stack".
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_focus_stack._napari.io.series_layers import series_layers
from napari_focus_stack._napari.layers.appearance import display_limits
from napari_focus_stack._napari.layers.geometry import spacing_arguments
from napari_focus_stack._napari.layers.lazy_planes import LazyPlanes, OpenedStack, lazy_array
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.notices import show_info, show_warning
from napari_focus_stack._napari.layers.results import shared_name
from napari_focus_stack._version import __version__
from napari_focus_stack.errors import FocusStackError
from napari_focus_stack.io.file_source import FileSource
from napari_focus_stack.io.listing import SUFFIXES, list_files
from napari_focus_stack.io.name_axes import NamedAxesError, find_axes
from napari_focus_stack.io.places import followed
from napari_focus_stack.io.reading import scan, too_few
from napari_focus_stack.series.model import Series
from napari_focus_stack.series.opening import find_series, open_series

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_focus_stack.io.file_source import ScannedFiles
    from napari_focus_stack.io.name_axes import NameAxes

    Paths = str | Sequence[str]
    LayerData = tuple[Any, ...]

NO_LAYERS: list[LayerData] = [(None,)]
"""Result for napari that stands for a path that was handled but has no layer."""
SERIES_SUFFIXES = (".czi", ".nd2", ".lif", ".companion.ome")
"""Ends of the names of files that napari itself does not read."""
BY_PATTERN = (
    "open it by File > IO Utilities > Open folder as focus stack..., which takes a pattern of names"
)
"""What to do here about names that are those of no microscope."""
MOST_NOTES = 4
"""Largest number of notes on a series that the notification contains."""
MOST_NAMED = 8
"""Largest number of left-out files that the notification names; it counts the others."""


def get_reader(path: Paths) -> Callable[[Paths], list[LayerData]] | None:
    """Return the reader of a path that may be a focus stack, without reading it.

    Parameters
    ----------
    path : str or list of str
        Folder, image files, or a list of one folder.

    Returns
    -------
    callable or None
        `read_layers` for a folder, image files or a file of a microscope, else None.
    """
    paths = as_list(path)
    images = [Path(p).suffix.lower() in SUFFIXES for p in paths]
    if len(paths) == 1 and (os.path.isdir(paths[0]) or paths[0].lower().endswith(SERIES_SUFFIXES)):
        return read_layers
    return read_layers if images and all(images) else None


def read_layers(path: Paths) -> list[LayerData]:
    """Read the headers of a stack or a series, and return it as lazy layers.

    Files that cannot be part of it are left out and named in one notification; where too few
    remain, the notification gives the reason, and there is no layer.

    Parameters
    ----------
    path : str or list of str
        As for `get_reader`.

    Returns
    -------
    list of tuple
        One (data, arguments, "image") for a stack or for each channel of a series, or `NO_LAYERS`.
    """
    paths = as_list(path)
    try:
        scanned = scan(paths) if len(paths) > 1 else _series_or_stack(paths[0])
        if isinstance(scanned, Series):
            return _of_series(scanned, _name(paths))
    except NamedAxesError as problem:
        show_warning(f"{problem.message}; {BY_PATTERN if problem.pattern else problem.remedy}.")
        return NO_LAYERS
    except FocusStackError as problem:
        show_warning(str(problem))
        return NO_LAYERS
    if len(scanned.planes) < 2:
        show_warning(too_few(scanned))
        return NO_LAYERS
    _name_left_out(paths, scanned)
    return [_layer(FileSource(scanned), scanned, _name(paths))]


def _series_or_stack(path: str) -> Series | ScannedFiles:
    """Open a path as a series, or else read the headers of a stack.

    A folder that cannot be a series may be a stack without its damaged files.
    """
    try:
        series = find_series(Path(path))
    except FocusStackError:
        if os.path.isdir(path):
            with contextlib.suppress(FocusStackError):
                return scan(path)
        raise
    return scan(path) if series is None else series


def names_without_pattern(folder: str) -> NameAxes | None:
    """Return what the names of a folder's files count, if nothing but a pattern can open it.

    Parameters
    ----------
    folder : str
        The folder.

    Returns
    -------
    NameAxes or None
        Axes of the names with a pattern to begin with; None if none is needed, or none is known.
    """
    try:
        counted = find_axes([file.name for file in list_files(folder).files])
        needed = counted is not None and counted.pattern and find_series(Path(folder)) is None
    except FocusStackError:  # the reader gives the reason
        return None
    return counted if needed else None


def read_by_pattern(folder: str, pattern: str) -> list[LayerData]:
    """Read a folder as a series by the names of its files.

    Parameters
    ----------
    folder : str
        The folder.
    pattern : str
        As for `open_series`.

    Returns
    -------
    list of tuple
        As from `read_layers`; a pattern that does not fit is a notification.
    """
    try:
        return _of_series(open_series(folder, pattern=pattern), _name([folder]))
    except FocusStackError as problem:
        show_warning(str(problem))
        return NO_LAYERS


def _of_series(series: Series, name: str) -> list[LayerData]:
    """Return the layers of a series; name in one notification what they do not show."""
    found = series_layers(series, name)
    notes = [*series.notes[:MOST_NOTES]]
    if len(series.notes) > MOST_NOTES:
        notes.append(f"There are {len(series.notes) - MOST_NOTES} more notes in the metadata.")
    if found.left_out:
        notes.append(
            f"{len(found.left_out)} more positions differ in shape, channels or pixel size and are "
            f"not shown; stack them by the command, as in 'focusstack -i {series.path.name} "
            f'--position "{found.left_out[0].name}"\'.'
        )
    if notes:
        show_info(f"'{name}': {' '.join(notes)}")
    return found.layers


def as_list(path: Paths) -> list[str]:
    """Return the path or paths from napari as a list.

    Parameters
    ----------
    path : str or list of str
        One path or several.

    Returns
    -------
    list of str
        The paths.
    """
    paths = [path] if isinstance(path, str | os.PathLike) else path
    return [os.fspath(p) for p in paths]


def _name(paths: list[str]) -> str:
    """Return the name of the layer: that of the folder or file, or what files have in common."""
    if len(paths) == 1:
        chosen = followed(Path(paths[0]))
        if chosen.is_dir() and chosen.suffix.lower() != ".zarr":
            return chosen.name
        return re.sub(r"\.(ome|companion)$", "", chosen.stem, flags=re.IGNORECASE)
    return shared_name([Path(path).stem for path in paths])


def _layer(source: FileSource, scanned: ScannedFiles, name: str) -> LayerData:
    """Return data, arguments and type of the layer."""
    planes = LazyPlanes(source)
    data = lazy_array(planes)
    rgb = len(source.plane_shape) == 3
    arguments = {
        "name": name,
        "rgb": rgb,
        "contrast_limits": display_limits(planes, rgb),
        **spacing_arguments(source.spacing),
        "metadata": {
            METADATA_KEY: {
                **_provenance(source, scanned),
                "opened": OpenedStack(data.name, source),
            }
        },
    }
    return data, arguments, "image"


def _provenance(source: FileSource, scanned: ScannedFiles) -> dict[str, Any]:
    """Return the metadata on the origin of the planes."""
    return {
        "version": __version__,
        "files": [str(file) for file in source.files],
        "planes": list(source.names),
        "left_out": [{"name": left.name, "reason": left.reason} for left in scanned.skipped],
        "notes": list(scanned.notes),
    }


def _name_left_out(paths: list[str], scanned: ScannedFiles) -> None:
    """Name the left-out files in one notification, if there are any."""
    reasons = [f"'{left.name}' ({left.reason})" for left in scanned.skipped]
    reasons += [f"'{name}' (it is no image)" for name in _no_images(paths)]
    if not reasons:
        return
    more = f" and {len(reasons) - MOST_NAMED} more" if len(reasons) > MOST_NAMED else ""
    show = show_warning if scanned.skipped else show_info
    show(f"Left out of '{_name(paths)}': {', '.join(reasons[:MOST_NAMED])}{more}.")


def _no_images(paths: list[str]) -> list[str]:
    """Return the names of a folder's visible files without the suffix of an image."""
    if not os.path.isdir(paths[0]):
        return []
    with os.scandir(paths[0]) as entries:
        others = [entry for entry in entries if _suffix(entry.name) not in SUFFIXES]
    return sorted(entry.name for entry in others if entry.is_file() and entry.name[0] != ".")


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()
