"""The "Align only" dock widget: the registered planes of a stack as a layer of their own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, PushButton
from napari.layers import Image

from napari_focus_stack._napari.docks.summary import ALIGNED_BY
from napari_focus_stack._napari.layers.appearance import appearance, display_limits
from napari_focus_stack._napari.layers.geometry import world_units
from napari_focus_stack._napari.layers.layer_axes import axis_names, roles_of
from napari_focus_stack._napari.layers.lazy_planes import LazyPlanes, lazy_array
from napari_focus_stack._napari.layers.metadata import ALIGNED, METADATA_KEY, is_input, role
from napari_focus_stack._napari.layers.names import role_name
from napari_focus_stack._napari.layers.planes import OPEN_FIRST, StackInput
from napari_focus_stack._napari.layers.stack_slice import StackSlice, slice_at
from napari_focus_stack._napari.viewer.dock_tabs import tabbed
from napari_focus_stack._napari.viewer.preferences import preferences
from napari_focus_stack._napari.widgets.job_row import JobRow
from napari_focus_stack._napari.widgets.layer_choosers import LayerChooser
from napari_focus_stack._napari.widgets.parameter_controls import help_of, in_words
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack._version import __version__
from napari_focus_stack.errors import FocusStackError
from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Hashable

    import napari

    from napari_focus_stack.pipeline.align_only import AlignedPlanes

MODELS = ("auto", "shift", "similarity", "affine", "homography")
_PLACE = ("scale", "translate", "rotate", "shear", "axis_labels")


class AlignWidget(Container[Any]):
    """Align one (Z, Y, X[, C]) layer.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Where the layer comes from and where the aligned one goes.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._viewer = napari_viewer
        self.layer = LayerChooser(
            "A layer with z, y and x; of any more axes the part is aligned that the sliders show."
        )
        self.model = ComboBox(choices=in_words(MODELS), tooltip=help_of("align"))
        self.align_button = PushButton(
            text="Align", tooltip="Add a layer of the aligned planes, their values as recorded."
        )
        self.job = JobRow([self.align_button])
        rows = [row("Layer", self.layer), row("Alignment", self.model)]
        super().__init__(widgets=[*rows, self.align_button, self.job], labels=False)
        self.align_button.changed.connect(self.align)
        self.job.ends_with(self)
        tabbed(self, "Align")
        self.reset_choices()

    def reset_choices(self, *_: Any) -> None:
        """List the layers anew; napari calls this when its layer list changes."""
        offered = self._offered()
        self.layer.offer(offered)
        if not self.job.running:
            self.align_button.enabled = bool(offered)
            self.job.show_missing("" if offered else f"{OPEN_FIRST}.")

    def _offered(self) -> list[Image]:
        """Return the stacks from top to bottom, after them those that are aligned already."""
        images = [layer for layer in self._viewer.layers if isinstance(layer, Image)]
        stacks = [layer for layer in reversed(images) if layer.ndim > 2 and is_input(layer)]
        return sorted(stacks, key=lambda layer: role(layer) == ALIGNED)

    def align(self) -> None:
        """Start to align the chosen layer, unless a job runs."""
        from napari_focus_stack.pipeline.align_only import align_only_steps

        if self.job.running:
            return
        key: Hashable = self.layer.value
        layers = [layer for layer in self._offered() if layer.unique_id == key]
        try:
            chosen = StackInput.of(layers, self._cut(layers[0]) if layers else None)
            settings = Settings(align=self.model.value, **preferences())
        except FocusStackError as problem:
            self.job.say_error(str(problem))
            return
        shown = arguments_like(chosen.stack[0])
        source = chosen.source
        self.job.run(
            lambda cancel: align_only_steps(source, settings, cancel=cancel),
            partial(self._add, shown=shown),
            on_end=self.reset_choices,  # the layers may be gone
        )

    def _cut(self, layer: Image) -> StackSlice:
        units = world_units(self._viewer.layers)
        return slice_at(layer, roles_of(layer).z, self._viewer.dims.point, units, axis_names(layer))

    def _add(self, planes: AlignedPlanes, *, shown: dict[str, Any]) -> str:
        lazy = LazyPlanes(planes)
        if shown["rgb"]:
            shown["contrast_limits"] = display_limits(lazy, rgb=True)
        known = {METADATA_KEY: {"role": ALIGNED, "sources": [shown["name"]], **_past(planes)}}
        name = role_name(str(shown["name"]), "aligned")
        arguments = {**shown, "name": name, "metadata": known}
        layer = self._viewer.add_image(lazy_array(lazy), **arguments)
        how = ALIGNED_BY.get(planes.alignment.model)
        moved = "nothing had to be moved" if how is None else f"its planes were aligned by {how}"
        done = f"Added '{layer.name}'; {moved}."
        return "\n".join([done, *planes.notes])


def arguments_like(layer: Image) -> dict[str, Any]:
    """Return the arguments of `add_image` for a stack with the place and look of a layer.

    Parameters
    ----------
    layer : napari.layers.Image
        A (z, y, x) stack.

    Returns
    -------
    dict
        Its name among them.
    """
    return {
        "name": str(layer.name),
        **appearance(layer),
        **{name: getattr(layer, name) for name in _PLACE},
        "affine": layer.affine.affine_matrix,
        "units": tuple(str(unit) for unit in layer.units),
    }


def _past(planes: AlignedPlanes) -> dict[str, Any]:
    """Return the layer's record of the run; a plane left out has None as its transform."""
    alignment, spacing = planes.alignment, planes.spacing
    return {
        "version": __version__,
        "align": alignment.model,
        "reference": alignment.reference,
        "transforms": [
            None if k in alignment.left_out else matrix.tolist()
            for k, matrix in enumerate(alignment.transforms)
        ],
        "planes": list(planes.names),
        "inputs": [str(path.absolute()) for path in planes.inputs],
        "left_out": [
            {"plane": k, "name": planes.names[k], "reason": why}
            for k, why in sorted(alignment.left_out.items())
        ],
        "spacing": {axis: getattr(spacing, axis) for axis in ("y", "x", "z", "unit")},
        "notes": list(planes.notes),
    }
