"""Series of images whose planes lie in files in the order of a grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.file_source import FileSource, ScannedFiles
from napari_focus_stack.io.plane_files import FilePlane, Skipped
from napari_focus_stack.io.sources import Spacing, describe
from napari_focus_stack.io.spacing_metadata import spacing_in_micrometres
from napari_focus_stack.series.model import Channel, Position, Series, StackIndex, channel_name
from napari_focus_stack.series.readers.plane_grid import PlaneGrid, given_grid, named_grid

if TYPE_CHECKING:
    from pathlib import Path

    from napari_focus_stack.io.sources import PlaneSource

Entries = Callable[[Sequence[int], int | None], list[FilePlane | Skipped]]
"""Called with numbers of planes and of the sample that is their channel, or None."""
_TURNED = 5
"""First EXIF orientation that exchanges rows and columns."""


@dataclass(frozen=True)
class StackedImage:
    """One image of a file or set: a grid of planes that are still on disk.

    Attributes
    ----------
    found : PlaneGrid
        Axes by tifffile's letters, in the order of the planes.
    first : FilePlane
        A plane whose shape, type and orientation are those of all.
    entries : callable
        Opens planes by their numbers; of a sample of each pixel, or whole.
    plane_files : callable
        Called with numbers of planes; returns their files, without opening them.
    samples : int
        Number of samples of a pixel that are channels; 1 if it is a grey value or a colour.
    spacing : Spacing
        Distances in micrometres, as stored.
    channels : tuple of Channel
        Names and colours; empty if unknown.
    seconds : tuple of float
        Time of each time point after the first; empty if unknown.
    names : tuple of str
        Name of each position, or of the image; empty if unknown.
    stages : tuple of (float, float) or None
        Stage position (y, x) of each position in micrometres; empty if unknown.
    unnamed_is_z : bool
        Whether the only axis is z if it has no name.
    """

    found: PlaneGrid
    first: FilePlane
    entries: Entries
    plane_files: Callable[[Sequence[int]], Sequence[Path]]
    samples: int = 1
    spacing: Spacing = field(default_factory=Spacing)
    channels: tuple[Channel, ...] = ()
    seconds: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    stages: tuple[tuple[float, float] | None, ...] = ()
    unnamed_is_z: bool = True


@dataclass(frozen=True)
class _Place:
    """Where the stacks of a position are: image, grid and number along its position axis."""

    image: StackedImage
    grid: PlaneGrid
    number: int


def series_of_images(
    path: Path,
    kind: str,
    images: Sequence[StackedImage],
    *,
    axes: str | None = None,
    files: Sequence[Path] = (),
    notes: Sequence[str] = (),
) -> Series:
    """Return a series of images, whose position axes are positions as the images are.

    Parameters
    ----------
    path : pathlib.Path
        File that was given.
    kind : str
        Format for messages.
    images : sequence of StackedImage
        One or more.
    axes : str, optional
        Names of axes that the caller gave.
    files : sequence of pathlib.Path
        Files of the series.
    notes : sequence of str
        Notes of the reader.

    Returns
    -------
    Series
        Its stacks are opened on demand.

    Raises
    ------
    InputError
        An axis is none of position, time, channel and z.
    SettingsError
        The axes given do not fit.
    """
    places: list[_Place] = []
    for image in images:
        grid = _grid(image, axes, path.name)
        places += [_Place(image, grid, p) for p in range(grid.length("P"))]
    names = _unique([_given_name(place) for place in places])
    positions = [_position(place, name) for place, name in zip(places, names, strict=True)]
    shared = dict.fromkeys(image.first.shared_note for image in images)
    return Series(
        path,
        kind,
        positions,
        partial(_open, tuple(positions), tuple(places), tuple(files)),
        notes=[*notes, *(f"{note}." for note in shared if note)],
        files=files,
        axes=axes,
        stack_files=partial(_stack_files, tuple(positions), tuple(places)),
    )


def _grid(image: StackedImage, axes: str | None, where: str) -> PlaneGrid:
    """Return the axes of an image: those given, or those of the file."""
    if axes is None:
        return named_grid(image.found, where, unnamed_is_z=image.unnamed_is_z)
    return given_grid(image.found, axes, image.first.shape, where)


def _given_name(place: _Place) -> str:
    """Return the name of a position in the file, or its number."""
    names = place.image.names
    if place.number < len(names):
        return names[place.number]
    return " ".join([*names[:1], str(place.number)]) if place.grid.length("P") > 1 else ""


def _unique(names: list[str]) -> list[str]:
    """Return names of positions, numbered where they repeat; empty if there is one alone."""
    if len(names) == 1 or not any(names):
        return [""] * len(names)
    taken: set[str] = set()
    for k, name in enumerate(names):
        unique, n = name or str(k), 2
        while unique in taken:
            unique, n = f"{name or k} ({n})", n + 1
        taken.add(unique)
        names[k] = unique
    return names


def _position(place: _Place, name: str) -> Position:
    """Return what is known of a position."""
    image, grid = place.image, place.grid
    same = partial(grid.keeps, other=_known(image))
    count = grid.length("C") * image.samples
    named = len(image.channels) == count and (grid.length("C") == 1 or same("C"))
    times = grid.length("T")
    planes = grid.length("Z")
    stages = image.stages
    return Position(
        name=name,
        times=times,
        channels=image.channels if named else (Channel(),) * count,
        planes=planes,
        plane_shape=_upright(image.first),
        dtype=image.first.dtype,
        spacing=_spacing(image, planes),
        seconds=image.seconds if len(image.seconds) == times > 1 and same("T") else (),
        stage=stages[place.number] if place.number < len(stages) else None,
    )


def _known(image: StackedImage) -> PlaneGrid:
    """Return the axes of an image with R called P."""
    return replace(image.found, letters=image.found.letters.replace("R", "P"))


def _upright(plane: FilePlane) -> tuple[int, ...]:
    """Return the shape of a plane after its orientation is undone."""
    y, x = plane.shape[:2]
    return (x, y, *plane.shape[2:]) if plane.orientation >= _TURNED else plane.shape


def _spacing(image: StackedImage, planes: int) -> Spacing:
    """Return the spacing of upright planes, without a z step if there is no z axis."""
    y, x, z = image.spacing.y, image.spacing.x, image.spacing.z
    if image.first.orientation >= _TURNED:
        y, x = x, y
    return spacing_in_micrometres(y, x, z if planes > 1 else None)


def _open(
    positions: tuple[Position, ...],
    places: tuple[_Place, ...],
    files: tuple[Path, ...],
    index: StackIndex,
) -> PlaneSource:
    """Open the planes of a stack; raise InputError if one is missing or differs."""
    position, image = positions[index.position], places[index.position].image
    numbers = _numbers(position, places[index.position], index)
    sample = index.channel % image.samples if image.samples > 1 else None
    found = image.entries(numbers, sample)
    words = _words(positions, index)
    entries = [_fitting(entry, image.first) for entry in found]
    missing = [entry for entry in entries if isinstance(entry, Skipped)]
    if missing:
        raise InputError(
            f"{', '.join([repr(missing[0].name), *words])}: {len(missing)} of {len(entries)} "
            f"planes cannot be used, because {missing[0].reason}; choose other stacks, or restore "
            "the file."
        )
    planes = [entry for entry in entries if isinstance(entry, FilePlane)]
    named = [
        replace(plane, name=", ".join([plane.path.name, *words, f"plane {z}"]))
        for z, plane in enumerate(planes)
    ]
    return FileSource(
        ScannedFiles(
            where=", ".join([planes[0].path.name, *words]),
            files=files or tuple(dict.fromkeys(plane.path for plane in planes)),
            entries=tuple(named),
            plane_shape=position.plane_shape,
            dtype=position.dtype,
            orientation=image.first.orientation,
            spacing=position.spacing,
            notes=tuple(f"{note}." for note in {plane.shared_note for plane in planes} if note),
        )
    )


def _numbers(position: Position, place: _Place, index: StackIndex) -> list[int]:
    """Return the numbers of the planes of a stack in its image."""
    at = {"P": place.number, "T": index.time, "C": index.channel // place.image.samples}
    return [place.grid.number({**at, "Z": z}) for z in range(position.planes)]


def _stack_files(
    positions: tuple[Position, ...], places: tuple[_Place, ...], index: StackIndex
) -> Sequence[Path]:
    """Return the files of a stack."""
    place = places[index.position]
    return place.image.plane_files(_numbers(positions[index.position], place, index))


def _words(positions: tuple[Position, ...], index: StackIndex) -> list[str]:
    """Return the place of a stack in words: the axes that have more than one entry."""
    position, words = positions[index.position], []
    if len(positions) > 1:
        words.append(f"position {position.name or index.position}")
    if position.times > 1:
        words.append(f"time {index.time}")
    if len(position.channels) > 1:
        words.append(f"channel {channel_name(position, index.channel)}")
    return words


def _fitting(entry: FilePlane | Skipped, first: FilePlane) -> FilePlane | Skipped:
    """Return a plane, or Skipped if its size, type or orientation differs from the first."""
    if isinstance(entry, Skipped):
        return entry
    if (entry.shape, entry.dtype) != (first.shape, first.dtype):
        odd, usual = describe(entry.shape, entry.dtype), describe(first.shape, first.dtype)
        return Skipped(entry.name, f"it is {odd}, the first plane is {usual}")
    if entry.orientation != first.orientation:
        return Skipped(entry.name, "it is turned another way than the first plane")
    return entry
