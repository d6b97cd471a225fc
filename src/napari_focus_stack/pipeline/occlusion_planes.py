"""Windows of the planes in which occlusion is looked for and removed."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._utils.threads import prefetch
from napari_focus_stack._utils.windows import moved_by, size_of
from napari_focus_stack.imgproc.pyramids import reduce
from napari_focus_stack.occlusion.orientation import Shown, without_alpha

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.alignment.registered_plane import RegisteredPlane
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.pipeline.run import Run
    from napari_focus_stack.pipeline.survey import Survey
    from napari_focus_stack.result import Progress


class Kind(Enum):
    """What is read of a window: its colours, their mean, or that at half the size."""

    COLOURS = "colours"
    GREY = "grey"
    HALVED_GREY = "halved grey"

    @property
    def step(self) -> int:
        """Pixels of the window for each pixel that is read, along rows and columns."""
        return 2 if self is Kind.HALVED_GREY else 1

    def read(self, registered: RegisteredPlane, window: Window) -> Plane:
        """Return a window of a plane, (y, x[, C]) float32 without alpha.

        Parameters
        ----------
        registered : RegisteredPlane
            The plane.
        window : tuple of slice
            Rows and columns of the reference plane.

        Returns
        -------
        numpy.ndarray
            Its pixels.
        """
        if self is Kind.COLOURS:
            return np.ascontiguousarray(without_alpha(registered.colour(window)[0]))
        grey = registered.grey(window)
        return grey if self is Kind.GREY else reduce(grey)


@dataclass(frozen=True)
class Wanted:
    """Window of some planes.

    Attributes
    ----------
    window : tuple of slice
        Rows and columns of the tile.
    planes : range
        Places of the planes in the order of focus; they need not exist.
    kind : Kind
        What is read.
    """

    window: Window
    planes: range
    kind: Kind = Kind.COLOURS


class PlaneWindows:
    """Reader of windows of a tile.

    Parameters
    ----------
    run : Run
        Source and settings.
    survey : Survey
        Result of the first pass.
    origin : tuple of int
        Row and column of the reference plane at which the tile starts.
    """

    def __init__(self, run: Run, survey: Survey, origin: tuple[int, int]) -> None:
        self._run, self._survey, self._origin = run, survey, origin
        self._order = survey.alignment.order

    def expect(self, *requests: Sequence[Wanted]) -> None:
        """Announce the planes that will be read, for the progress.

        Parameters
        ----------
        *requests : sequence of Wanted
            Windows that are read in one pass each.
        """
        self._run.progress.expect(sum(len(self._places(wanted)) for wanted in requests))

    def read(self, wanted: Sequence[Wanted]) -> Generator[Progress, None, list[Shown]]:
        """Read windows of the planes, by their places in the order of focus, if they exist.

        Parameters
        ----------
        wanted : sequence of Wanted
            The windows.

        Returns
        -------
        list of Shown
            Pixels of each window.

        Yields
        ------
        Progress
            Before each plane.
        """
        places = self._places(wanted)
        found = [
            Shown(
                {}, np.ones(size_of(these.window), np.bool_)[:: these.kind.step, :: these.kind.step]
            )
            for these in wanted
        ]
        read, threads = self._survey.stack.plane, min(1, self._run.readers)
        with closing(prefetch(read, [self._order[i] for i in places], threads)) as planes:
            for i, (k, registered) in zip(places, planes, strict=True):
                yield self._run.begin("restore", k)
                for shown, these in zip(found, wanted, strict=True):
                    if i in these.planes:
                        window, step = moved_by(these.window, *self._origin), these.kind.step
                        shown.planes[i] = these.kind.read(registered, window)
                        recorded = registered.recorded_in(window)
                        if recorded is not None:
                            shown.recorded &= recorded[::step, ::step] > 0
                del registered
        return found

    def _places(self, wanted: Sequence[Wanted]) -> list[int]:
        """Return the planes of which pixels are wanted, by their places in the order of focus."""
        return [i for i in range(len(self._order)) if any(i in these.planes for these in wanted)]
