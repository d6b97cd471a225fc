"""Results of one task on disk or in object storage."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from napari_focus_stack.batch.earlier_maps import Earlier, KeptMaps, earlier_file
from napari_focus_stack.batch.figures import figures_of
from napari_focus_stack.batch.films import working_name
from napari_focus_stack.batch.folder import check_claim
from napari_focus_stack.batch.markers import digest_of
from napari_focus_stack.batch.pictures import pictures_of
from napari_focus_stack.batch.records import LOST_RESULT, OLDER_RESULT
from napari_focus_stack.batch.stores import (
    IN_PLACE,
    SoundImage,
    complete_store,
    created_store,
    is_complete,
    is_store,
)
from napari_focus_stack.errors import InputError
from napari_focus_stack.io.hyperstack_writer import HyperstackWriter
from napari_focus_stack.io.placed_image import open_placed_image
from napari_focus_stack.io.places import make_folder, write_bytes_to
from napari_focus_stack.io.replacing import remove, temporary_name
from napari_focus_stack.io.writing import Outputs
from napari_focus_stack.series.destinations import Destination, PositionMaps
from napari_focus_stack.series.files import map_legend
from napari_focus_stack.series.own_files import is_own_map, removed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_focus_stack.batch.records import Figures
    from napari_focus_stack.batch.tasks import BatchOrder, StackTask
    from napari_focus_stack.result import Report, StackResult
    from napari_focus_stack.series.destinations import MapWriter
    from napari_focus_stack.series.model import Position, StackIndex

CHANGED = "Its files changed while they were read; run the batch again when they are complete."
THUMBS = "thumbs"
"""Folder of the pictures of the contact sheet in that of the results."""


@dataclasses.dataclass(frozen=True)
class Finished:
    """A stack that was fused, beside its maps.

    Attributes
    ----------
    report : Report
        Its report.
    figures : Figures
        Its figures for the summary.
    pictures : dict of str to str
        Pictures by kind, relative to the folder of results.
    """

    report: Report
    figures: Figures
    pictures: dict[str, str]


class _Shifted:
    """Images of some time points in a file of all of them.

    Parameters
    ----------
    writer : MapWriter
        Writer of all time points.
    first : int
        Number of the first of them in the file.
    """

    def __init__(self, writer: MapWriter, first: int) -> None:
        self._writer, self._first = writer, first

    def write(self, time: int, channel: int, image: NDArray[Any]) -> None:
        """Write one image."""
        self._writer.write(time + self._first, channel, image)

    def read(self, time: int, channel: int) -> NDArray[Any]:
        """Return an image that was written."""
        return self._writer.read(time + self._first, channel)

    def close(self) -> None:
        """Close files until the next access."""
        self._writer.close()


class TaskResults(Destination):
    """Files or stores of the results of one task, which makes all of their images or some.

    Parameters
    ----------
    order : BatchOrder
        The batch.
    task : StackTask
        The task.
    film : Position
        Position with all time points of the files.
    has_changed : callable
        Returns whether the files that are stacked are others than when the task was planned.

    Attributes
    ----------
    finished : dict of StackIndex to Finished
        Stacks that were fused.
    failed : dict of StackIndex to str
        Reason, as a sentence, of those that were not.
    """

    def __init__(
        self, order: BatchOrder, task: StackTask, film: Position, has_changed: Callable[[], bool]
    ) -> None:
        self.finished: dict[StackIndex, Finished] = {}
        self.failed: dict[StackIndex, str] = {}
        self._order, self._task, self._film = order, task, film
        self._has_changed = has_changed
        self._maps: PositionMaps | None = None
        is_alone = task.is_whole and film.times == 1 and len(film.channels) > 1
        # images of one time point alone can outlive the run that made them
        self._made = digest_of(order, task) if is_alone else ""
        self._earlier: dict[str, Earlier] = {}
        self._is_finished = False
        self._temporary: list[tuple[Path, Path]] = []

    @property
    def written(self) -> dict[str, str]:
        """Place of every role that was written, relative to the folder of results."""
        roles = () if self._maps is None else self._maps.writers
        return {role: self._task.results[role] for role in roles}

    def open(self, number: int, position: Position, first: StackResult) -> PositionMaps:
        """Create or open the maps; see `Destination.open`."""
        self._maps = super().open(number, position, first)
        if self._made:
            self._maps = KeptMaps(self._maps, self._earlier)
        return self._maps

    def earlier_words(self, index: StackIndex) -> str:
        """Return what became of the results of an earlier run of a stack that failed.

        Parameters
        ----------
        index : StackIndex
            The stack.

        Returns
        -------
        str
            End of its reason; empty for a time point of a film, which is blank.
        """
        place = self._order.result(self._task.results["image"])
        if self._maps is not None and (self._is_finished or is_store(place)):
            maps, at = self._maps, (index.time, index.channel)
            if not isinstance(maps, KeptMaps):
                return ""
            return OLDER_RESULT if at in maps.kept else LOST_RESULT if at in maps.lost else ""
        return OLDER_RESULT if has_whole_result(self._order, self._task) else ""

    def note(self, index: StackIndex, outcome: Report | str) -> None:
        """Take note of a failure."""
        if isinstance(outcome, str):
            self.failed[index] = outcome

    def _writer(
        self,
        number: int,
        position: Position,
        role: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> MapWriter:
        task, place = self._task, self._order.result(self._task.results[role])
        if not task.is_whole:
            film = (self._film.times, *shape[1:])
            return _Shifted(_existing(place, film, dtype), task.times[0] - task.span[0])
        make_folder(place.parent)
        if is_store(place):
            return self._store(role, place, shape, dtype)
        earlier = earlier_file(place, self._film, self._made) if self._made else None
        if earlier is not None:
            self._earlier[role] = earlier
        temporary = temporary_name(place)
        self._temporary.append((temporary, place))
        legend = dataclasses.replace(map_legend(self._film, role, task.stem), made=self._made)
        return HyperstackWriter(temporary, shape, dtype, legend, place)

    def _store(
        self, role: str, place: Path, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> MapWriter:
        """Create or open the store of a map, with the images of earlier runs that are in it."""
        store = created_store(place, self._film, role, self._task.stem, shape, dtype, self._made)
        if not self._made:
            return store
        image = SoundImage(store)
        self._earlier[role] = Earlier(image, image.sound)
        return image

    def report(self, position: Position, index: StackIndex, report: Report) -> None:
        """Measure the maps of a stack and write its pictures."""
        assert self._maps is not None, "a stack that has a report has maps"
        maps = {
            role: self._maps.read(role, index.time, index.channel) for role in self._maps.writers
        }
        made = pictures_of(maps["image"], maps["depth"], maps["confidence"])
        figures = dataclasses.replace(
            figures_of(
                maps["image"], maps["depth"], maps.get("height"), maps["confidence"], report
            ),
            colours=made.colours,
        )
        marker = self._task.markers[self._task.times[0] + index.time, self._channel(index)]
        self.finished[index] = Finished(report, figures, self._write_pictures(marker, made.files))

    def _channel(self, index: StackIndex) -> int:
        return self._task.channels[index.channel]

    def _write_pictures(self, marker: str, made: Mapping[str, bytes]) -> dict[str, str]:
        """Write pictures into the folder of thumbnails and return their places."""
        places = {}
        for kind, content in made.items():
            name = picture_name(marker, kind)
            place = self._order.result(name)
            make_folder(place.parent)
            write_bytes_to(place, content)
            places[kind] = name
        return places

    def finish(self) -> tuple[Path, ...]:
        """Move whole files to their places and complete whole stores; the rest is in its place."""
        check_claim(self._order)
        if self._has_changed():
            raise InputError(CHANGED)
        places = tuple(self._order.result(name) for name in self.written.values())
        if self._maps is not None:
            self._maps.close()
        if self._temporary:
            with removed(self._outdated()), Outputs() as outputs:
                for temporary, place in self._temporary:
                    outputs.adopt(temporary, place)
        elif self._task.is_whole and self._maps is not None:
            for place in places:
                complete_store(place)
        self._is_finished = True
        return places

    def _outdated(self) -> list[Path]:
        """Return maps of an earlier run that this one has not."""
        written = self.written
        places = {
            role: self._order.result(name)
            for role, name in self._task.results.items()
            if role not in written
        }
        return [
            place for role, place in places.items() if place.exists() and is_own_map(place, role)
        ]

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each whole file of results; others have no size of their own."""
        places = {name: self._order.result(name) for name in self.written.values()}
        return {
            name: place.stat().st_size if self._task.is_whole and not is_store(place) else IN_PLACE
            for name, place in places.items()
        }

    def arrays(self, maps: PositionMaps, number: int) -> Mapping[str, Any]:
        """Return nothing: results are read from their files."""
        return {}

    def discard(self) -> None:
        """Remove files that were not finished."""
        if self._maps is not None:
            with contextlib.suppress(Exception):
                self._maps.close()
        remove(temporary for temporary, _ in self._temporary)


def has_whole_result(order: BatchOrder, task: StackTask) -> bool:
    """Return whether the files or stores of a task that has written nothing hold a result.

    Parameters
    ----------
    order : BatchOrder
        The batch.
    task : StackTask
        The task.

    Returns
    -------
    bool
        False for a part of a film, and for stores that a process left half-written.
    """
    place = order.result(task.results["image"])
    return task.is_whole and (is_complete(place) if is_store(place) else place.exists())


def picture_name(marker: str, kind: str) -> str:
    """Return the place of a picture of the contact sheet.

    Parameters
    ----------
    marker : str
        Marker of the stack, relative to the folder of results.
    kind : str
        Such as "image" or "depth_view".

    Returns
    -------
    str
        Relative to the folder of results.
    """
    path = PurePosixPath(marker)
    stem = path.name.removesuffix(".focusstack.json")
    return PurePosixPath(THUMBS, *path.parts[1:-1], f"{stem}_{kind}.jpg").as_posix()


def _existing(place: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> MapWriter:
    """Return the writer of a film's file or store, which was created before its tasks."""
    if is_store(place):
        return open_placed_image(place)
    return HyperstackWriter.existing(working_name(place), shape, dtype)
