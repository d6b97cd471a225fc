"""Controls of a batch: where its stacks are, where results go, and how many workers there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, LineEdit, PushButton
from qtpy.QtWidgets import QFileDialog

from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack._napari.widgets.scroll_area import show_rows
from napari_focus_stack._napari.widgets.settings_form import FOLDED, UNFOLDED
from napari_focus_stack.batch.call import BatchCall
from napari_focus_stack.batch.tasks import BatchOrder
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.io.places import absolute, as_place

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_focus_stack.series.series_settings import SeriesSettings
    from napari_focus_stack.settings import Settings

FORMATS = [("OME-TIFF", "tif"), ("OME-Zarr", "zarr")]
MOST_WORKERS = 256
CHOOSE = "Choose..."
CHOOSE_WIDTH = 80


class BatchForm(Container[Any]):
    """Folders, format, and what is seldom changed below "More".

    Attributes
    ----------
    root, out : magicgui.widgets.LineEdit
        Folder or URL of the stacks and of the results; the second is proposed from the first.
    format : magicgui.widgets.ComboBox
        Format of the results.
    pattern, z_step : magicgui.widgets.LineEdit
        Names of the files, and the z step of all stacks; empty for what the files say.
    workers : magicgui.widgets.LineEdit
        Number of worker processes; empty for as many as fit.
    """

    def __init__(self) -> None:
        self.root = _line(
            "Folder with all your stacks, in any sub-folders, or its URL (s3://...).", "a folder"
        )
        self.out = _line(
            "Folder for the results, which lie in it as the stacks lie in theirs. It may be there "
            "already: what is done is not done again.",
            "a folder",
        )
        self.format = ComboBox(
            choices=FORMATS, tooltip="OME-Zarr makes a plate where the stacks have wells."
        )
        self.pattern = _line(
            "Only where names are those of no microscope: {z} plane, {c} channel, {t} time point, "
            "{p} position, * anything, as in leaf_t{t}_z{z}.tif.",
            "as microscopes name them",
        )
        self.z_step = _line(
            "Distance of neighbouring planes in the unit of the pixel size, of all stacks.",
            "as in the files",
        )
        # a spin box of magicgui has no words for its least value
        self.workers = _line(
            "Processes that work at a time; empty for as many as the processors and the memory of "
            "this computer allow.",
            "as many as fit",
        )
        self.more = PushButton(text=FOLDED, tooltip="Show or hide what is seldom changed.")
        self.more.native.setFlat(True)
        self.more.native.setStyleSheet("text-align: left")
        folded = [
            row("File names", self.pattern),
            row("Z step", self.z_step),
            row("Workers", self.workers),
        ]
        self.fold = Container(widgets=folded, labels=False, visible=False)
        self.fold.margins = (0, 0, 0, 0)
        rows = [
            row("Stacks in", self.root, _chooser(self.root, "Folder of the stacks")),
            row("Results in", self.out, _chooser(self.out, "Folder of the results")),
            row("Format", self.format),
            self.more,
            self.fold,
        ]
        super().__init__(widgets=rows, labels=False)
        self.margins = (0, 0, 0, 0)
        self._proposed = ""
        self.root.changed.connect(self._propose)
        self.more.changed.connect(self._unfold)

    def _unfold(self) -> None:
        self.fold.visible = not self.fold.visible
        if self.fold.visible:
            show_rows(self.more.native, self.fold.native)
        self.more.text = UNFOLDED if self.fold.visible else FOLDED

    def _propose(self) -> None:
        """Propose a folder beside that of the stacks, unless the user has named one."""
        if self.out.value not in ("", self._proposed):
            return
        root = self.root.value.strip().rstrip("/\\")
        remote = "://" in root
        self._proposed = f"{root}{'-' if remote else ' '}fused" if root else ""
        self.out.value = self._proposed
        if remote:
            self.format.value = "zarr"  # the only format that object storage takes

    def on_edit(self, callback: Callable[[], None]) -> None:
        """Call back when the user changes a control.

        Parameters
        ----------
        callback : callable
            Takes nothing.
        """
        for control in (*self._lines, self.format):
            control.changed.connect(lambda _: callback())

    @property
    def _lines(self) -> tuple[LineEdit, ...]:
        return self.root, self.out, self.pattern, self.z_step, self.workers

    @property
    def complete(self) -> bool:
        """Whether both folders are named."""
        return bool(self.root.value.strip() and self.out.value.strip())

    def spacing_of_all(self) -> float | None:
        """Return the z step of all stacks.

        Returns
        -------
        float or None
            None for what the files say.

        Raises
        ------
        SettingsError
            What was typed is no number.
        """
        typed = self.z_step.value.strip()
        try:
            return float(typed.replace(",", ".")) if typed else None
        except ValueError as problem:
            raise SettingsError(
                f"The z step '{typed}' is no number; type one, such as 0.5, or leave it empty."
            ) from problem

    def most_workers(self) -> int | None:
        """Return the number of worker processes.

        Returns
        -------
        int or None
            None for as many as fit.

        Raises
        ------
        SettingsError
            What was typed is no number of workers.
        """
        typed = self.workers.value.strip()
        if not typed:
            return None
        if not (typed.isdecimal() and 1 <= int(typed) <= MOST_WORKERS):
            raise SettingsError(
                f"'{typed}' is no number of workers; type one from 1 to {MOST_WORKERS}, or leave "
                "it empty for as many as fit."
            )
        return int(typed)

    def call(
        self, settings: Settings, series_settings: SeriesSettings, *, redo: bool = False
    ) -> BatchCall:
        """Return the batch that is chosen.

        Parameters
        ----------
        settings : Settings
            Settings of every stack.
        series_settings : SeriesSettings
            Settings of every series.
        redo : bool
            Whether stacks that are done are done again.

        Returns
        -------
        BatchCall
            On this machine.

        Raises
        ------
        SettingsError
            The z step or the number of workers is none.
        InputError
            A URL cannot be used here.
        """
        step = self.spacing_of_all()
        return BatchCall(
            order=BatchOrder(
                root=_place(self.root),
                out=_place(self.out),
                settings=settings if step is None else settings.updated(z_step=step),
                series_settings=series_settings,
                pattern=self.pattern.value.strip() or None,
                format=self.format.value,
            ),
            workers=self.most_workers(),
            redo=redo,
        )


def _line(tooltip: str, empty: str) -> LineEdit:
    """Create a line to type into, with a word on what holds while it is empty."""
    line = LineEdit(tooltip=tooltip)
    line.native.setPlaceholderText(empty)
    return line


def _chooser(line: LineEdit, title: str) -> PushButton:
    """Create the button that chooses the folder of a line."""
    button = PushButton(text=CHOOSE)
    button.max_width = CHOOSE_WIDTH

    def choose() -> None:
        folder = QFileDialog.getExistingDirectory(button.native, title, line.value)
        line.value = folder or line.value

    button.changed.connect(choose)
    return button


def _place(line: LineEdit) -> str:
    """Return the absolute place in a line."""
    return str(absolute(as_place(line.value.strip())))
