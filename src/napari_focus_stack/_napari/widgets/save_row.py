"""Button that saves a result with its maps, by the same writer as napari's menu."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, PushButton
from napari.utils.history import get_save_history, update_save_history
from qtpy.QtWidgets import QFileDialog

from napari_focus_stack._napari.io.writers import results_path, results_saved
from napari_focus_stack._napari.layers.kept_maps import with_kept_maps
from napari_focus_stack._napari.layers.metadata import role
from napari_focus_stack._napari.layers.names import source_name
from napari_focus_stack._napari.layers.saved_results import saving_of
from napari_focus_stack._napari.widgets.job_row import JobRow
from napari_focus_stack._napari.workers.job import at_once
from napari_focus_stack.errors import FocusStackError
from napari_focus_stack.io.output_formats import SAVED
from napari_focus_stack.io.results_file import write_saved

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Image

    from napari_focus_stack.io.results_file import SavedResult

FORBIDDEN = r'[<>:"/\\|?*\0-\x1f]'
"""Characters that are allowed in names of layers, but not of files."""


class SaveRow(Container[Any]):
    """Button that saves the newest result among some layers; hidden while there is none.

    Attributes
    ----------
    job : JobRow
        Progress and status of the writing.
    """

    def __init__(self) -> None:
        self._layers: list[Image] = []
        self.save_button = PushButton(
            text="Save results...",
            tooltip="The newest result of these layers and all its maps, shown or not, in one file "
            "that opens here as it was.",
        )
        self.job = JobRow([self.save_button], brief=True)
        super().__init__(widgets=[self.save_button, self.job], labels=False, visible=False)
        self.margins = (0, 0, 0, 0)
        self.save_button.changed.connect(self.ask_and_save)

    def offer(self, layers: Sequence[Image]) -> None:
        """Choose what to save.

        Parameters
        ----------
        layers : sequence of napari.layers.Image
            Images and maps of one run, from the bottom up; without an image there is nothing.
        """
        pictures = [layer for layer in layers if role(layer) == "stacked"]
        before, self._layers = self._layers, list(layers) if pictures else []
        if self._layers[-1:] != before[-1:]:
            self.forget()
        self.visible = bool(self._layers)

    def forget(self) -> None:
        """Clear the status of an earlier file, whose layers may have changed since."""
        self.job.forget()

    def ask_and_save(self) -> None:
        """Ask for a file and write it; do nothing if none is chosen."""
        if not self._layers or self.job.running:
            return
        name = re.sub(FORBIDDEN, "_", source_name(str(self._layers[-1].name))) + SAVED[0]
        path, _ = QFileDialog.getSaveFileName(
            self.native,
            "Save results",
            str(Path(get_save_history()[0]) / name),
            f"Results of Focus Stack (*{SAVED[0]} *{SAVED[1]})",
        )
        if path:
            update_save_history(path)
            self.save(path)

    def save(self, path: str) -> None:
        """Write the result to a file.

        Parameters
        ----------
        path : str
            Path of the file; the suffix is added to a name without it.
        """
        try:
            file = results_path(path)
            layers = [saving_of(layer) for layer in with_kept_maps(self._layers)]
        except FocusStackError as problem:
            self.job.say_error(str(problem))
            return
        self.job.run(at_once(partial(_written, file, layers)), _describe)


def _written(
    file: Path, layers: list[Callable[[Path], SavedResult]]
) -> tuple[Path, list[SavedResult]]:
    """Write results; return them with the file."""
    saved = [layer(file) for layer in layers]
    write_saved(file, saved)
    return file, saved


def _describe(written: tuple[Path, list[SavedResult]]) -> str:
    """Announce a file that was written, and return a sentence on it."""
    file, saved = written
    results_saved.emit([one.array for one in saved])
    count = len(saved)
    return f"Saved {count} images and maps in '{file}'." if count > 1 else f"Saved '{file}'."
