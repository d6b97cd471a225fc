"""Map of the labels by which depth is corrected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._utils.windows import whole
from napari_focus_stack.correction.compositing import Labels, labels_in
from napari_focus_stack.depth_labels import BACKGROUND, NOT_CORRECTED
from napari_focus_stack.errors import SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window


class Correction:
    """Map of labels, with a check of the labels that are put into it.

    Parameters
    ----------
    shape : tuple of int
        (Y, X) of the result.
    names : sequence of str
        Name of each plane.
    planes : sequence of int
        Numbers of the planes that took part.

    Attributes
    ----------
    labels : numpy.ndarray
        (Y, X) uint16, changed by `put` only.
    """

    def __init__(self, shape: tuple[int, ...], names: tuple[str, ...], planes: list[int]) -> None:
        self.labels: Labels = np.full(shape[:2], NOT_CORRECTED, np.uint16)
        self._names = names
        self._taken_part = frozenset(planes)

    @property
    def pixels(self) -> int:
        """Number of corrected pixels."""
        return int(np.count_nonzero(self.labels))

    def difference(self, labels: Any, window: Window | None = None) -> tuple[Window, Labels] | None:
        """Find where other labels differ from these.

        Parameters
        ----------
        labels : array-like
            Integers: (Y, X), or those of the window alone.
        window : tuple of slice, optional
            Rows and columns of the result.

        Returns
        -------
        tuple or None
            Smallest window that contains all differences, and the other labels in it; None if
            there are none.

        Raises
        ------
        SettingsError
            The labels have another shape, or stand for no plane that took part.
        """
        window = window or whole(self.labels.shape)
        former, array = self.labels[window], np.asarray(labels)
        if array.dtype.kind not in "iu" or array.shape != former.shape:
            raise SettingsError(
                f"The labels of a correction, {array.shape} {array.dtype}, do not fit the result: "
                f"give whole numbers of shape {former.shape}."
            )
        x, y, width, height = cv2.boundingRect((array != former).view(np.uint8))
        if width == 0:
            return None
        part = array[y : y + height, x : x + width]
        self.check(part)
        top, left = window[0].start + y, window[1].start + x
        return (slice(top, top + height), slice(left, left + width)), part.astype(np.uint16)

    def put(self, window: Window, labels: Labels) -> None:
        """Set the labels of a window.

        Parameters
        ----------
        window : tuple of slice
            Rows and columns of the result.
        labels : numpy.ndarray
            (y, x) uint16.
        """
        self.labels[window] = labels

    def check(self, labels: NDArray[Any]) -> None:
        """Refuse labels that cannot be applied.

        Parameters
        ----------
        labels : numpy.ndarray
            Integers, of two dimensions.

        Raises
        ------
        SettingsError
            One stands for no plane, or for one that was left out of the run.
        """
        n, low, high = len(self._names), int(labels.min()), int(labels.max())
        outside = [label for label in (low, high) if not 0 <= label <= BACKGROUND]
        found = [] if outside else labels_in(labels.astype(np.uint16))
        for label in outside or [label for label in found if n < label < BACKGROUND]:
            raise SettingsError(
                f"Label {label} of a correction stands for no plane; give 0 (not corrected), "
                f"1 to {n} (plane 0 to {n - 1}) or {BACKGROUND} (background)."
            )
        for label in found:
            if NOT_CORRECTED < label < BACKGROUND and label - 1 not in self._taken_part:
                raise SettingsError(
                    f"Plane {label - 1} ('{self._names[label - 1]}') was left out of the run; "
                    "take another plane."
                )
