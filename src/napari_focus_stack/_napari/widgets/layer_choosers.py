"""The results that a dock is for, to choose from by the names of their images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_focus_stack._napari.layers.result_sets import Found, found_results
from napari_focus_stack._napari.widgets.job_row import LayerBox

if TYPE_CHECKING:
    import napari


class ResultBox(LayerBox):
    """Results in a viewer, the topmost first, of which one map at least is there.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where they are.
    needed : str, optional
        Role of the map that must be there; any will do by default.
    """

    def __init__(self, viewer: napari.viewer.Viewer, needed: str | None = None) -> None:
        what = "depth or height" if needed is None else needed.replace("-", " ")
        super().__init__(f"A stacked image whose {what} is in the viewer.")
        self._viewer, self._needed = viewer, needed

    def offer_results(self) -> None:
        """List the results anew; what the user chose stays so while it is there."""
        self.offer([found.image for found in self._offered()])

    def chosen(self) -> Found | None:
        """Result that is chosen, if there is one."""
        return next((one for one in self._offered() if one.image.unique_id == self.value), None)

    def _offered(self) -> list[Found]:
        results = found_results(self._viewer.layers)
        return [one for one in results if (self._needed in one.maps if self._needed else one.maps)]
