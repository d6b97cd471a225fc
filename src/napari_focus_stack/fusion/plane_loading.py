"""Loading of a plane into the finest level of a fusion's pyramid, tile by tile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._compiled.library import library
from napari_focus_stack._utils.threads import BLOCK_SHAPE, block_grid
from napari_focus_stack._utils.windows import moved_by
from napari_focus_stack.imgproc.pyramids import rows_above

if TYPE_CHECKING:
    from napari_focus_stack._utils.threads import ThreadTeam
    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.alignment.registered_plane import RegisteredPlane
    from napari_focus_stack.fusion.pyramid_level import Level
    from napari_focus_stack.fusion.recorded_range import RecordedRange
    from napari_focus_stack.imgproc.dtypes import Mask

COMPILED_BLOCK = (256, 1024)
"""Rows and columns that the compiled kernel resamples in one call: it divides them itself."""


class PlaneLoader:
    """Resamples planes into the finest level of a pyramid.

    Parameters
    ----------
    finest : Level
        The level, and with it the level above.
    recorded_range : RecordedRange
        Range of the recorded values, which is extended by every plane.
    team : ThreadTeam
        Threads that share the work.
    halved : bool
        Whether planes hold colour differences at half their size, which go to the level above.

    Attributes
    ----------
    recorded : numpy.ndarray
        (Y, X) uint8, 255 where the last plane recorded, if it did not everywhere.
    """

    def __init__(
        self, finest: Level, recorded_range: RecordedRange, team: ThreadTeam, halved: bool
    ) -> None:
        self._finest, self._range, self._team = finest, recorded_range, team
        self._halved = halved
        self._tiles = block_grid(finest.shape, BLOCK_SHAPE if library() is None else COMPILED_BLOCK)
        self.recorded: Mask = np.empty(finest.shape, np.uint8)

    def load(self, seen: RegisteredPlane, origin: tuple[int, int]) -> Mask | None:
        """Resample a plane.

        Parameters
        ----------
        seen : RegisteredPlane
            The plane.
        origin : tuple of int
            Row and column of the reference plane at which the level starts; even.

        Returns
        -------
        numpy.ndarray or None
            `recorded`; None if the plane recorded everything.
        """
        self._range.add_plane(seen)
        unrecorded: list[Window] = []

        def load(tile: Window) -> None:
            there = moved_by(tile, *origin)
            recorded = seen.recorded_in(there)
            self._resample(seen, tile, there)
            if recorded is not None:
                self.recorded[tile] = recorded
                unrecorded.append(tile)
            self._range.add_tile(self._finest.smooth[0][tile], tile, recorded)

        self._team.map(load, self._tiles)
        return self._coverage(unrecorded)

    def _resample(self, seen: RegisteredPlane, tile: Window, there: Window) -> None:
        finest, above = self._finest.smooth, self._finest.above
        if not self._halved:
            seen.channels(there, [channel[tile] for channel in finest])
            return
        seen.resample_brightness(there, finest[0][tile])
        half = rows_above(tile[0]), rows_above(tile[1])
        seen.differences(there, [channel[half] for channel in above[1:]])

    def _coverage(self, unrecorded: list[Window]) -> Mask | None:
        """Complete the mask of what the plane recorded; None if it recorded everything."""
        if not unrecorded:
            return None
        known = {(rows.start, cols.start) for rows, cols in unrecorded}
        for rows, cols in self._tiles:
            if (rows.start, cols.start) not in known:
                self.recorded[rows, cols] = 255
        return self.recorded
