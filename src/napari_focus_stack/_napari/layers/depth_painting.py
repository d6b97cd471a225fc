"""A result that follows what is painted: a Labels layer, the engine's `Retoucher`, the layers.

Nothing here knows the viewer or Qt. Painting, erasing, filling and undo are napari's own.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_focus_stack._napari.layers.geometry import placement
from napari_focus_stack._napari.layers.planes import METADATA_KEY, planes_of
from napari_focus_stack._napari.layers.result_sets import Found, as_result, sources_of, stack_of
from napari_focus_stack._napari.layers.results import OUTPUTS
from napari_focus_stack.correction.nearest_plane import nearest_wins
from napari_focus_stack.correction.retouch import Retoucher
from napari_focus_stack.errors import FocusStackError, InputError
from napari_focus_stack.io.recipe import NOT_CORRECTED, Recipe, encoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari.layers import Image, Labels, Layer
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.transforms import Window
    from napari_focus_stack.result import StackResult

ROLE = "correction"
NEAREST = 65534
"""Label that is painted until a stroke ends and the nearest plane around it is known."""
BRUSH = 20
PLACED_BY = ("sources", "source_ids", "inputs", "cut", "crop")
"""What a result carries of its making by which it is kept over its stack."""
OPACITY = 0.25
"""The picture below is what counts."""

Side = Literal["first", "last"]


def carried_labels(found: Found) -> NDArray[np.uint16] | None:
    """Correction that a result's metadata tells of; None if it was not corrected.

    Raises
    ------
    InputError
        It is damaged, or of another size.
    """
    past = found.past
    carried = past.get("recipe")
    correction = past.get("correction")
    if correction is None and not carried:
        return None
    told = carried if correction is None else {"settings": {}, "correction": correction}
    if isinstance(told, Recipe):
        labels = told.correction
    else:
        labels = Recipe.of_document(told, Path(str(found.image.name))).correction
    if labels is not None and labels.shape != found.image.data.shape[:2]:
        raise InputError(
            f"'{found.image.name}' carries a correction of shape {labels.shape}, which is not its "
            "own; stack again."
        )
    return labels


def labels_arguments(found: Found) -> dict[str, Any]:
    """Arguments of `add_labels` for the layer to paint on."""
    known = {key: found.past[key] for key in PLACED_BY if key in found.past}
    return {
        "name": f"{found.name} correction",
        "opacity": OPACITY,
        **placement(found.image),
        "metadata": {METADATA_KEY: {"role": ROLE, "of": found.image.unique_id, **known}},
    }


def corrects(layer: Labels, found: Found) -> bool:
    """Whether a layer was added to correct this result, and still fits it."""
    known = layer.metadata.get(METADATA_KEY, {})
    ours = known.get("role") == ROLE and known.get("of") == found.image.unique_id
    return bool(ours and layer.data.shape == found.image.data.shape[:2])


class Retouching:
    """Layers of a result under correction.

    Parameters
    ----------
    found : Found
        The result.
    result : StackResult
        The same, as the run found it.
    retoucher : Retoucher
        At work on that result.

    Attributes
    ----------
    layers : dict of str to napari.layers.Image
        By the field of `StackResult` that they show.
    """

    def __init__(self, found: Found, result: StackResult, retoucher: Retoucher) -> None:
        self._found = result
        self._retoucher = retoucher
        maps = {OUTPUTS[role].attribute: layer for role, layer in found.maps.items()}
        self.layers: dict[str, Image] = {"image": found.image, **maps}

    @classmethod
    def prepared(cls, found: Found, layers: Sequence[Layer]) -> Callable[[], Retouching]:
        """Read a result's layers now; what is returned may be called off the main thread.

        Raises
        ------
        InputError
            The layers do not tell enough, or the stack is not in the viewer.
        """
        source = planes_of(stack_of(found, sources_of(found, layers)))
        result, labels = as_result(found), carried_labels(found)
        return lambda: cls(found, result, Retoucher(source, result, labels))

    @property
    def labels(self) -> NDArray[np.uint16]:
        """What is corrected; a copy."""
        return self._retoucher.labels

    @property
    def current(self) -> bool:
        """Whether the layers still show what is worked on; a later run puts other arrays there."""
        return all(
            layer.data is getattr(self._retoucher, name) for name, layer in self.layers.items()
        )

    def show(self) -> None:
        """Put the arrays that are worked on into the layers."""
        for name, layer in self.layers.items():
            layer.data = getattr(self._retoucher, name)

    def follow(self, labels: NDArray[Any], window: Window | None) -> bool:
        """Make image and depth follow labels, and show it.

        Parameters
        ----------
        labels : numpy.ndarray
            All of them; `NEAREST` counts as what was there before.
        window : tuple of slice, optional
            Outside of which none was changed.

        Returns
        -------
        bool
            Whether anything was changed.

        Raises
        ------
        SettingsError
            Labels that stand for no plane that took part.
        InputError
            A plane cannot be read.
        """
        given = labels if window is None else labels[window]
        undecided = given == NEAREST
        if undecided.any():
            before = self.labels
            given = np.where(undecided, before if window is None else before[window], given)
        if self._retoucher.change(given, window) is None:
            return False
        # maps and thumbnails of large images take longer than the stroke; they come with its end
        self.layers["image"].refresh(thumbnail=False, highlight=False, extent=False)
        return True

    def nearest(self, painted: NDArray[np.bool_], side: Side) -> NDArray[np.uint16]:
        """Labels of the nearest plane around each stroke, by what the run found."""
        return nearest_wins(self._found, painted, side)

    def note(self) -> None:
        """Show the maps, and keep the correction in the layers' metadata, where saving finds it."""
        labels = self.labels
        told = None
        if labels.any():
            told = {"shape": list(labels.shape), "labels": encoded(labels)}
        for layer in self.layers.values():
            layer.metadata[METADATA_KEY]["correction"] = told
            layer.refresh(highlight=False, extent=False)


class Painting:
    """What is painted on a Labels layer, followed stroke by stroke.

    Parameters
    ----------
    layer : napari.layers.Labels
        Painted on; its data are the retouching's labels.
    retouching : Retouching
        What follows.
    say : callable
        Receives a sentence on what is wrong.
    upright : callable
        Tells whether the viewer shows rows before columns.

    Attributes
    ----------
    side : {"first", "last"}
        Which end of the stack is nearer to the lens.
    """

    def __init__(
        self,
        layer: Labels,
        retouching: Retouching,
        say: Callable[[str], None],
        upright: Callable[[], bool],
    ) -> None:
        self.layer, self.retouching = layer, retouching
        self._upright = upright
        self.side: Side = "first"
        self._say = say
        self._busy = False
        self._announced: list[Any] | None = None
        layer.events.labels_update.connect(self._touched)
        layer.events.set_data.connect(self._replaced)
        layer.events.paint.connect(self._stroke_ended)

    def end(self) -> None:
        """Follow no more."""
        self.layer.events.labels_update.disconnect(self._touched)
        self.layer.events.set_data.disconnect(self._replaced)
        self.layer.events.paint.disconnect(self._stroke_ended)

    def _touched(self, event: Any) -> None:
        """Follow a part that napari has painted, erased or filled."""
        if self._busy:
            return
        corner, size = event.offset, event.data.shape
        rows, cols = (slice(int(at), int(at) + n) for at, n in zip(corner, size, strict=False))
        # a viewer whose axes are swapped shows, and tells of, columns before rows
        self._follow((rows, cols) if self._upright() else None)
        if self._announced is not None:
            self._finish()
            self._announced = None

    def _replaced(self, _: Any) -> None:
        """Follow undo and redo, of which napari does not tell where they were."""
        if not self._busy and self._follow(None):
            self._finish()

    def _stroke_ended(self, event: Any) -> None:
        """Finish a stroke; a fill is told of before its pixels are there, and waits for them."""
        self._announced = event.value
        self._finish()

    def _finish(self) -> None:
        if not self.retouching.current:
            return
        strokes = self._announced or []
        if any(np.any(np.asarray(stroke[-1]) == NEAREST) for stroke in strokes):
            painted = self.layer.data == NEAREST
            if painted.any():
                self._settle(painted, strokes)
        self.retouching.note()

    def _settle(self, painted: NDArray[np.bool_], strokes: list[Any]) -> None:
        """Replace the label of an unfinished "nearest wins" by those of the planes it takes.

        One more change joins those of the stroke in napari's history, so one undo takes back all.
        """
        self._announced = None
        labels = self.retouching.nearest(painted, self.side)
        where = np.nonzero(painted)
        before, after = self.layer.data[where], labels[where]
        strokes.append((where, before, after))
        self.layer.data[where] = after
        if not (after != NOT_CORRECTED).all():
            self._say("Around some of the stroke no depth is credible; it was left as found there.")
        with self._quietly():
            self.layer.refresh()
        self._follow(None)

    def _follow(self, window: Window | None) -> bool:
        if not self.retouching.current:
            name = self.retouching.layers["image"].name
            self._say(f"'{name}' was stacked anew; press Correct to paint on what it shows now.")
            return False
        try:
            return self.retouching.follow(self.layer.data, window)
        except FocusStackError as problem:
            self._put_back(window)
            self._say(str(problem))
            return False

    def _put_back(self, window: Window | None) -> None:
        """Take away what cannot be followed; napari's undo leads to the same."""
        part = (slice(None), slice(None)) if window is None else window
        self.layer.data[part] = self.retouching.labels[part]
        with self._quietly():
            self.layer.refresh()

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
