"""Choice of the regions that are measured, and buttons that begin to draw one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from napari.layers import Labels, Shapes

from napari_focus_stack._napari.layers.drawing_layers import (
    REGIONS,
    name_regions,
    regions_arguments,
)
from napari_focus_stack._napari.layers.drawn_shapes import drawn_regions
from napari_focus_stack._napari.layers.geometry import to_world
from napari_focus_stack._napari.layers.planes import finest
from napari_focus_stack._napari.widgets.drawing import DrawnLayer
from napari_focus_stack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    import napari

    from napari_focus_stack._napari.layers.drawn_shapes import Region
    from napari_focus_stack._napari.layers.result_sets import ResultSet

TOOLS = {
    "Draw region": ("add_rectangle", "Drag a rectangle over the picture."),
    "Draw ellipse": (
        "add_ellipse",
        "Drag an ellipse over the picture. Polygons are among napari's tools, upper left.",
    ),
}
WHOLE_FIELD = ("whole field", "field")


class DrawnRegions(DrawnLayer):
    """Choice among layers of shapes and labels, whose shapes or labels are regions.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the layers are.
    chosen : callable
        Returns the result, or None.
    label : str
        Of the choice.
    whole : bool
        Whether the whole field may be chosen, too.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        chosen: Callable[[], ResultSet | None],
        label: str = "Regions",
        *,
        whole: bool = False,
    ) -> None:
        ahead: Sequence[tuple[str, Hashable]] = [WHOLE_FIELD] if whole else []
        super().__init__(
            viewer,
            chosen,
            label,
            "Shapes layer whose rectangles, ellipses and polygons are regions, or 2-D labels.",
            TOOLS,
            REGIONS,
            regions_arguments,
            (Shapes, Labels),
            ahead,
        )
        self.redrawn.connect(self._name)

    def regions(self) -> Callable[[], list[Region]]:
        """Return what finds the regions, in the background.

        Returns
        -------
        callable
            Returns a list that is empty for the whole field. It raises InputError where there is
            no region, although the whole field is not chosen.
        """
        found = self._chosen()
        if found is None or self.is_whole:
            return list
        return partial(_any, drawn_regions(self.layer(), found.image))

    def fingerprint(self) -> Hashable:
        """Return what differs if the regions do; napari's events say only that they may.

        Returns
        -------
        hashable
            Of the choice, its layer's place, and its shapes or labels.
        """
        layer = None if self.is_whole else self.layer()
        if layer is None:
            return (self.choice.value,)
        place = to_world(layer).tobytes()
        if isinstance(layer, Shapes):
            return layer.unique_id, place, *layer.shape_type, *(one.tobytes() for one in layer.data)
        return layer.unique_id, place, crc32(np.ascontiguousarray(finest(layer)).data)

    @property
    def is_whole(self) -> bool:
        """Whether the whole field is chosen."""
        return bool(self.choice.value == WHOLE_FIELD[1])

    def _name(self, *_: Any) -> None:
        layer = self.layer()
        if isinstance(layer, Shapes):
            name_regions(layer)


def _any(find: Callable[[], list[Region]]) -> list[Region]:
    regions = find()
    if not regions:
        raise InputError("There is no region to measure; draw one, or choose the whole field.")
    return regions
