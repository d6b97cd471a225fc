"""Files of any format that an installed reader of bioio reads; every scene is a position."""

from __future__ import annotations

import importlib
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.plane_files import reason
from napari_focus_stack.io.spacing_metadata import micrometres, spacing_in_micrometres
from napari_focus_stack.series.model import Channel, Position, Series, StackIndex
from napari_focus_stack.series.readers.grid_series import grid_series, unique_names
from napari_focus_stack.series.readers.held_file import DAMAGED

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_focus_stack.io.sources import Spacing

_READ = "TCZYXS"
_GENERATED = "Channel:"
"""Start of the names that bioio gives to channels without one."""


@dataclass(frozen=True)
class _Scene:
    number: int
    position: Position


class _StackReader:
    """Pixels of one stack at a time: bioio's readers decode all planes of a stack together.

    Parameters
    ----------
    image : bioio.BioImage
        The file.
    scenes : list of _Scene
        Scenes by position.
    """

    def __init__(self, image: Any, scenes: list[_Scene]) -> None:
        self._image, self._scenes = image, scenes
        self._current: tuple[StackIndex, NDArray[Any]] | None = None
        self._lock = threading.Lock()

    def plane(self, index: StackIndex, z: int) -> NDArray[Any]:
        """Read one plane; raise OSError if the file is damaged."""
        with self._lock:
            if self._current is None or self._current[0] != index:
                self._current = None
                self._current = index, self._read(index)
            return np.array(self._current[1][z])

    def _read(self, index: StackIndex) -> NDArray[Any]:
        scene = self._scenes[index.position]
        order = "ZYXS" if len(scene.position.plane_shape) == 3 else "ZYX"
        try:
            self._image.set_scene(scene.number)
            lazy = self._image.get_image_dask_data(order, T=index.time, C=index.channel)
            return np.asarray(lazy.compute(scheduler="synchronous"))
        except DAMAGED as problem:
            raise OSError(f"it is damaged ({reason(problem)})") from problem


def open_bioio(path: Path) -> Series | None:
    """Open a file with an installed reader of bioio, if there is one for its format.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    Series or None
        None if bioio is not installed, or has no reader for the file. Scenes with axes beyond time,
        channel and z are left out with a note.

    Raises
    ------
    InputError
        The file is damaged, or none of its scenes can be read.
    """
    try:
        library = importlib.import_module("bioio")
        unsupported = importlib.import_module("bioio_base.exceptions").UnsupportedFileFormatError
    except ImportError:
        return None
    try:
        image = library.BioImage(path)
        scenes, notes = _scan(path, image)
    except unsupported:
        return None
    except DAMAGED as problem:
        raise InputError(
            f"'{path.name}' cannot be read by bioio: {reason(problem)}", "save it as OME-TIFF"
        ) from problem
    reader = _StackReader(image, scenes)
    positions = [scene.position for scene in scenes]
    return grid_series(path, "file read by bioio", positions, reader.plane, notes=notes)


def _scan(path: Path, image: Any) -> tuple[list[_Scene], list[str]]:
    """Read the headers of all scenes."""
    scenes, left_out = [], []
    for number, name in enumerate(unique_names([str(scene) for scene in image.scenes])):
        image.set_scene(number)
        surplus = _surplus(image)
        if surplus:
            left_out.append(f"'{name}' has {surplus} beside time, channel and z")
        else:
            scenes.append(_Scene(number, _position(image, name)))
    if not scenes:
        reasons = "; ".join(left_out) or "it holds none"
        raise InputError(f"'{path.name}' has no scene that can be stacked: {reasons}.")
    return scenes, [f"Scene {reason}, and was left out." for reason in left_out]


def _surplus(image: Any) -> str:
    """Return the axes that bioio drops at 0 or that are none of ours; tiles it joined are none."""
    stored, shown = _sizes(image.reader.dims), _sizes(image.dims)
    if "M" not in shown:
        stored.pop("M", None)
    return " and ".join(
        f"{length} entries of an axis '{axis}'"
        for axis, length in (stored | shown).items()
        if axis not in _READ and length > 1
    )


def _sizes(dims: Any) -> dict[str, int]:
    return dict(zip(str(dims.order), map(int, dims.shape), strict=True))


def _position(image: Any, name: str) -> Position:
    """Read the headers of the scene that is set."""
    sizes = _sizes(image.dims)
    times, planes = sizes.get("T", 1), sizes.get("Z", 1)
    colour = sizes.get("S", 1)
    return Position(
        name=name,
        times=times,
        channels=_channels(image, sizes.get("C", 1)),
        planes=planes,
        plane_shape=(sizes["Y"], sizes["X"], *([colour] if colour > 1 else [])),
        dtype=np.dtype(image.dtype),
        spacing=_spacing(image, planes),
        seconds=_seconds(image, times),
    )


def _spacing(image: Any, planes: int) -> Spacing:
    """Return distances; 0.0 means unknown, and a z step without a z axis nothing."""
    sizes, units = image.physical_pixel_sizes, image.dimension_properties
    length = partial(_length, sizes, units)
    return spacing_in_micrometres(length("Y"), length("X"), length("Z") if planes > 1 else None)


def _length(sizes: Any, properties: Any, axis: str) -> float | None:
    """Return a distance, in micrometres where the reader gives no unit, as bioio's readers do."""
    unit = getattr(getattr(properties, axis, None), "unit", None)
    return micrometres(getattr(sizes, axis), str(unit or "micrometer"))


def _seconds(image: Any, times: int) -> tuple[float, ...]:
    """Return even times; empty without an interval."""
    interval = image.time_interval
    if times < 2 or not interval:
        return ()
    return tuple(interval.total_seconds() * number for number in range(times))


def _channels(image: Any, count: int) -> tuple[Channel, ...]:
    """Return channels by names, which may be strings of NumPy, empty, or generated."""
    names = [str(name) for name in image.channel_names]
    if len(names) != count:
        return (Channel(),) * count
    return tuple(Channel("" if name.startswith(_GENERATED) else name) for name in names)
