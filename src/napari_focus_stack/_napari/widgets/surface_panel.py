"""Panel of texture, volumes and spheres, of the field or of regions."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import ComboBox, Container, LineEdit, PushButton, SpinBox

from napari_focus_stack._napari.layers.measures import (
    WHOLE,
    Measures,
    sphere_measures,
    texture_measures,
    volume_measures,
)
from napari_focus_stack._napari.widgets.drawn_regions import DrawnRegions
from napari_focus_stack._napari.widgets.length_fields import read_lengths, read_number
from napari_focus_stack._napari.widgets.measures_table import MeasuresTable
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack.errors import Cancelled, FocusStackError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Hashable

    import napari
    from numpy.typing import NDArray

    from napari_focus_stack._napari.layers.drawn_shapes import Region
    from napari_focus_stack._napari.layers.result_sets import ResultSet
    from napari_focus_stack._napari.workers.job import Engine, Steps, Task
    from napari_focus_stack.analysis.height_map import HeightMap

    Measure = Callable[[HeightMap, NDArray[Any] | None], Any]

S_HELP = (
    "S-filter (Gaussian, ISO 16610-61): cut-off wavelength below which noise and the finest "
    "roughness are removed, in the unit of the pixel size; empty for none."
)
L_HELP = (
    "L-filter (Gaussian, ISO 16610-61): cut-off wavelength above which waviness is removed, in "
    "the unit of the pixel size; empty for none."
)
FORMS = [("plane", "plane"), ("polynomial", "polynomial"), ("mean", "offset")]
FORM_HELP = "Form (F-operation) that is subtracted before texture is measured."
LEVEL_HELP = "Height from which volumes count; empty for the mean height of each region."


class SurfacePanel(Container[Any]):
    """Fields and buttons that fill a table.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the result is.
    chosen : callable
        Returns the result, or None.
    heights : callable
        Returns the heights; raises `FocusStackError`.
    start : callable
        Starts a job; takes what returns its steps, and what shows its result.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        chosen: Callable[[], ResultSet | None],
        heights: Callable[[], HeightMap],
        start: Callable[[Callable[[], Task]], None],
    ) -> None:
        self._heights, self._start = heights, start
        self._measured: tuple[HeightMap, Hashable] | None = None
        self.regions = DrawnRegions(viewer, chosen, "Measure", whole=True)
        self.s_filter = _field(S_HELP, "S: none")
        self.l_filter = _field(L_HELP, "L: none")
        self.form = ComboBox(choices=FORMS, tooltip=FORM_HELP)
        self.degree = SpinBox(value=2, min=2, max=8, enabled=False, tooltip="Degree of it.")
        self.level = _field(LEVEL_HELP, "mean height")
        self.texture_button = PushButton(
            text="Texture", tooltip="Sa, Sq, Sz, Ssk, Sku, Sdr and others (ISO 25178-2)."
        )
        self.volume_button = PushButton(
            text="Volume", tooltip="Volumes above and below the level, and areas seen from above."
        )
        self.sphere_button = PushButton(
            text="Sphere", tooltip="Radius of the sphere that fits best: balls, lenses, dimples."
        )
        self.starters = [self.texture_button, self.volume_button, self.sphere_button]
        buttons = Container(widgets=self.starters, layout="horizontal", labels=False)
        buttons.margins = (0, 0, 0, 0)
        self.table = MeasuresTable()
        super().__init__(
            widgets=[
                self.regions,
                row("Filters", self.s_filter, self.l_filter),
                row("Form", self.form, self.degree),
                row("Level", self.level),
                buttons,
                self.table,
            ],
            labels=False,
        )
        self.native.layout().addStretch(1)
        self.regions.redrawn.connect(self.compare)
        self.form.changed.connect(self._offer_degree)
        self.texture_button.changed.connect(lambda: start(self._texture))
        self.volume_button.changed.connect(lambda: start(self._volumes))
        self.sphere_button.changed.connect(lambda: start(self._sphere))

    def stop(self) -> None:
        """Leave the viewer."""
        self.regions.stop()
        self._measured = None

    def _offer_degree(self, *_: Any) -> None:
        self.degree.enabled = self.form.value == "polynomial"

    def _texture(self) -> Task:
        from napari_focus_stack.analysis.areal_texture import texture

        short, _ = read_lengths("S-filter", self.s_filter.value.strip(), 1)
        long, _ = read_lengths("L-filter", self.l_filter.value.strip(), 1)
        measure = partial(
            texture,
            s_filter=short,
            l_filter=long,
            levelling=self.form.value,
            degree=self.degree.value,
        )
        return self._of_each(measure), partial(self._show, texture_measures)

    def _volumes(self) -> Task:
        level = read_number("Level", self.level.value.strip())
        return self._of_each(partial(_volumes_of, level)), partial(self._show, volume_measures)

    def _sphere(self) -> Task:
        from napari_focus_stack.analysis.sphere import fit_sphere

        return self._of_each(fit_sphere), partial(self._show, sphere_measures)

    def _of_each(self, measure: Measure) -> Steps:
        """Return the steps that measure each region, or the whole field if that is chosen."""
        self._measured = self._heights(), self.regions.fingerprint()
        return partial(_each_region, self._heights(), self.regions.regions(), measure)

    def _show(self, tabulate: Callable[[Any], Measures], found: Any) -> str:
        self.table.show_measures(tabulate(found))
        self.compare()
        return ""

    def compare(self, *_: Any) -> None:
        """Say beside the table if its heights or its regions have changed."""
        if self._measured is None:
            return
        heights, regions = self._measured
        try:
            same = _alike(heights, self._heights()) and regions == self.regions.fingerprint()
        except FocusStackError:
            same = False
        if not same:
            self.table.outdate()


def _alike(one: HeightMap, other: HeightMap) -> bool:
    """Return whether two maps measure alike; hiding a layer has one read anew, for example."""
    pairs = [(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one)]
    return all(a is b or _equal(a, b) for a, b in pairs)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.array_equal(a, b, equal_nan=True)
    return bool(a == b or (a != a and b != b))


def _volumes_of(level: float | None, heights: HeightMap, region: NDArray[Any] | None) -> Any:
    """Return the level with its unit, and the volumes above and below it."""
    from napari_focus_stack.analysis.level_volumes import volumes

    if level is None:
        level = float(heights.heights[heights.counted_in(region)].mean(dtype=float))
    return level, heights.unit, volumes(heights, level, region)


def _each_region(
    heights: HeightMap,
    find: Callable[[], list[Region]],
    measure: Measure,
    cancel: threading.Event,
) -> Engine:
    """Measure each region, or the whole field where there is none."""
    yield from ()
    regions = find()
    if not regions:
        return {WHOLE: measure(heights, None)}
    found = {}
    for region in regions:
        if cancel.is_set():
            raise Cancelled
        found[region.name] = measure(heights, region.mask(heights.shape))
    return found


def _field(tooltip: str, empty: str) -> LineEdit:
    edit = LineEdit(tooltip=tooltip)
    edit.native.setPlaceholderText(empty)
    return edit
