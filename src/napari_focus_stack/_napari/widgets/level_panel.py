"""Panel that levels heights into a layer of their own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import ComboBox, Container, PushButton, SpinBox

from napari_focus_stack._napari.layers.appearance import map_appearance
from napari_focus_stack._napari.layers.drawing_layers import points_arguments
from napari_focus_stack._napari.layers.drawn_shapes import placed_points
from napari_focus_stack._napari.layers.measured_heights import levelled_arguments, put_over_images
from napari_focus_stack._napari.widgets.drawn_regions import DrawnRegions
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack._napari.workers.job import at_once
from napari_focus_stack._utils.wording import format_percentage
from napari_focus_stack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from napari.layers import Points
    from numpy.typing import NDArray

    from napari_focus_stack._napari.layers.drawn_shapes import Region
    from napari_focus_stack._napari.layers.result_sets import ResultSet
    from napari_focus_stack._napari.widgets.height_source import HeightSource
    from napari_focus_stack._napari.workers.job import Task
    from napari_focus_stack.analysis.height_map import HeightMap
    from napari_focus_stack.analysis.levelling import Levelled

POINTS = "points"
LEAST_TILT = 1e-3
"""Degrees below which a tilt is rounding: of heights that were level, or less their mean."""
METHODS = [
    ("plane", "plane"),
    ("polynomial", "polynomial"),
    ("mean height", "offset"),
    ("plane through three points", POINTS),
]
METHOD_HELP = "What is subtracted from the heights, fitted to those that are sure enough."


class LevelPanel(Container[Any]):
    """Choice of what is subtracted, and a button that adds levelled heights.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the result is and levelled heights go.
    chosen : callable
        Returns the result, or None.
    source : HeightSource
        The heights; the levelled ones are chosen there.
    start : callable
        Starts a job; takes what returns its steps, and what shows its result.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        chosen: Callable[[], ResultSet | None],
        source: HeightSource,
        start: Callable[[Callable[[], Task]], None],
    ) -> None:
        self._viewer, self._chosen, self._source = viewer, chosen, source
        self._points: Points | None = None
        self.method = ComboBox(choices=METHODS, tooltip=METHOD_HELP)
        self.degree = SpinBox(value=2, min=2, max=8, tooltip="Total degree of the polynomial.")
        self.regions = DrawnRegions(viewer, chosen, "Fit to", whole=True)
        self.points_button = PushButton(
            text="Place three points",
            tooltip="Click three places over the picture that are to have one height; each counts "
            "with the 7 x 7 pixels around it.",
        )
        self.level_button = PushButton(
            text="Level", tooltip="Add a layer of levelled heights; the heights remain."
        )
        self.starters = [self.level_button]
        self._degree_row = row("Degree", self.degree)
        super().__init__(
            widgets=[
                row("Subtract", self.method),
                self._degree_row,
                self.points_button,
                self.regions,
                self.level_button,
            ],
            labels=False,
        )
        self.native.layout().addStretch(1)
        self.method.changed.connect(self._explain)
        self.points_button.changed.connect(self.place_points)
        self.level_button.changed.connect(lambda: start(self._level))
        self._explain()

    def stop(self) -> None:
        """Leave the viewer."""
        self.regions.stop()
        self._points = None

    def _explain(self, *_: Any) -> None:
        """Show what the method needs."""
        method = self.method.value
        self._degree_row.visible = method == "polynomial"
        self.points_button.visible = method == POINTS
        self.regions.visible = method != POINTS

    def place_points(self, *_: Any) -> None:
        """Take up the tool that adds points, in a layer for them."""
        found = self._chosen()
        if found is None:
            return
        if self._points not in self._viewer.layers:
            self._points = self._viewer.add_points(**points_arguments(found.image))
        assert self._points is not None
        self._viewer.dims.ndisplay = 2
        self._viewer.layers.selection.active = self._points
        self._points.mode = "add"

    def _level(self) -> Task:
        found = self._chosen()
        heights = self._source.heights()
        assert found is not None, "there are heights"
        method = self.method.value
        points = self._places(found) if method == POINTS else None
        find = list if method == POINTS else self.regions.regions()
        work = partial(_levelled, heights, method, self.degree.value, points, find)
        return at_once(work), partial(self._add, found)

    def _places(self, found: ResultSet) -> list[tuple[float, float]]:
        """Return the three points, in pixels of the result."""
        layer = self._points if self._points in self._viewer.layers else None
        places = [] if layer is None else placed_points(layer, found.image)
        if len(places) != 3:
            raise InputError(
                f"Three points are needed and {len(places) or 'none'} are placed; press 'Place "
                "three points', and click over the picture."
            )
        return places

    def _add(self, found: ResultSet, made: tuple[Levelled, dict[str, Any]]) -> str:
        levelled, look = made
        if found.image not in self._viewer.layers:
            return f"'{found.image.name}' was removed; nothing was levelled."
        surface = levelled.surface
        arguments = {**levelled_arguments(found, levelled.method, surface.unit), **look}
        layer = self._viewer.add_image(surface.heights, **arguments)
        put_over_images(self._viewer.layers, layer)
        self._source.layers.value = layer.unique_id
        tilted = levelled.tilt is not None and levelled.tilt >= LEAST_TILT
        tilt = f" Its tilt was {levelled.tilt:.3g} degrees." if tilted else ""
        return (
            f"Added '{layer.name}', which is measured from now on: {levelled.method} of "
            f"{format_percentage(levelled.share)} of the pixels subtracted.{tilt}"
        )


def _levelled(
    heights: HeightMap,
    method: Any,
    degree: int,
    points: list[tuple[float, float]] | None,
    find: Callable[[], list[Region]],
) -> tuple[Levelled, dict[str, Any]]:
    """Level heights by points, by some regions, or by the whole field; return them and a look."""
    from napari_focus_stack.analysis.levelling import level

    region: NDArray[np.bool_] | None = None
    regions = find()
    if regions:
        region = np.logical_or.reduce([one.mask(heights.shape) for one in regions])
    found = level(heights, method, degree=degree, points=points, region=region)
    return found, map_appearance("height", found.surface.heights, 1.0)
