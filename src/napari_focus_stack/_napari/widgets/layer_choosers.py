"""Choosers of layers, and of results by the names of their images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import ComboBox

from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.names import shortened
from napari_focus_stack._napari.layers.result_sets import ResultSet, result_sets

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import napari
    from napari.layers import Layer


class LayerChooser(ComboBox):
    """Choice of a layer by name: the first, until the user chooses another.

    Parameters
    ----------
    tooltip : str
        Says which layers are offered.
    """

    def __init__(self, tooltip: str) -> None:
        super().__init__(choices=(), tooltip=tooltip)
        self._picked: Hashable = None
        self.changed.connect(self._pick)

    def _pick(self, key: Hashable) -> None:
        self._picked = key

    def offer(self, layers: Sequence[Layer], ahead: Sequence[tuple[str, Hashable]] = ()) -> None:
        """List layers anew; the user's choice stays while its layer is there.

        Parameters
        ----------
        layers : sequence of napari.layers.Layer
            The first is chosen until the user chooses another.
        ahead : sequence of tuple, optional
            Texts and values that are offered before the layers.
        """
        names = shortened(str(layer.name) for layer in layers)
        listed = [(name, one.unique_id) for name, one in zip(names, layers, strict=True)]
        choices = [*ahead, *listed]
        with self.changed.blocked():
            # emptied first: magicgui keeps the old order and forgets renamed layers
            self.choices = ()
            self.choices = choices
            if self._picked in [key for _, key in choices]:
                self.value = self._picked


class ResultChooser(LayerChooser):
    """Choice of a result in a viewer, the topmost first, of which at least one map is there.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where they are.
    needed : str, optional
        Role of the map that must be there; any will do by default.

    """

    def __init__(self, viewer: napari.viewer.Viewer, needed: str | None = None) -> None:
        what = "map of depth or height" if needed is None else needed.replace("-", " ")
        super().__init__(f"A stacked image whose {what} is in the viewer.")
        self._viewer, self._needed = viewer, needed
        self._what = what

    @property
    def missing(self) -> str:
        """Sentence for a viewer without results to choose."""
        if any(layer.metadata.get(METADATA_KEY, {}).get("scope") for layer in self._viewer.layers):
            return (
                "Results of several times or channels at once are not taken here; choose 'This "
                "stack' in the Focus Stack dock, and stack the one that this is for."
            )
        return f"No result with a {self._what} is in the viewer; stack first."

    def offer_results(self) -> None:
        """List the results anew; the user's choice stays while its image is there."""
        self.offer([found.image for found in self._offered()])

    def chosen(self) -> ResultSet | None:
        """Return the chosen result.

        Returns
        -------
        ResultSet or None
            None if there is no result to choose.
        """
        return next((one for one in self._offered() if one.image.unique_id == self.value), None)

    def _offered(self) -> list[ResultSet]:
        results = result_sets(self._viewer.layers)
        return [one for one in results if (self._needed in one.maps if self._needed else one.maps)]
