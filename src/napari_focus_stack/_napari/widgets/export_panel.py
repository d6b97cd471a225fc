"""Panel that hands a result on: as a mesh, a height map, a figure, or a film."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import CheckBox, ComboBox, Container, FloatSpinBox, PushButton, SpinBox
from qtpy.QtWidgets import QFileDialog

from napari_focus_stack._napari.io.writers import unless_taken
from napari_focus_stack._napari.layers.names import source_name
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack._napari.workers.job import at_once
from napari_focus_stack.analysis.surface import MOST_FACES
from napari_focus_stack.errors import Cancelled

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Sequence

    from numpy.typing import NDArray

    from napari_focus_stack._napari.layers.result_sets import ResultSet
    from napari_focus_stack._napari.workers.job import Steps, Task
    from napari_focus_stack.analysis.height_map import HeightMap
    from napari_focus_stack.analysis.height_profiles import Profile

KINDS = {
    "Mesh...": (
        "The surface for other programs, with the image on it: GLB, PLY, OBJ or STL.",
        ("GLB (*.glb)", "PLY (*.ply)", "OBJ (*.obj)", "STL (*.stl)"),
    ),
    "Height map...": (
        "Heights with their pixel size and unit: TIFF, GSF for Gwyddion, X3P (ISO 25178-72).",
        ("TIFF (*.tif)", "GSF (*.gsf)", "X3P (*.x3p)"),
    ),
    "Figure...": (
        "Image, height map and the profiles on one page, with scale bar and colour bar.",
        ("PNG (*.png)", "SVG (*.svg)"),
    ),
    "Film...": ("The surface as it rocks or turns, as MP4.", ("MP4 (*.mp4)",)),
}
"""Buttons, each with a tooltip and the formats of its files."""
MESH, HEIGHTS, FIGURE, FILM = KINDS


class ExportPanel(Container[Any]):
    """A button for each kind of file, and its options.

    Parameters
    ----------
    chosen : callable
        Returns the result, or None.
    heights : callable
        Returns the heights; raises `FocusStackError`.
    profiles : callable
        Returns the profiles that a figure shows.
    start : callable
        Starts a job; takes what returns its steps, and what shows its result.
    """

    def __init__(
        self,
        chosen: Callable[[], ResultSet | None],
        heights: Callable[[], HeightMap],
        profiles: Callable[[], Sequence[Profile]],
        start: Callable[[Callable[[], Task]], None],
    ) -> None:
        self._chosen, self._heights = chosen, heights
        self._profiles, self._start = profiles, start
        self.only_sure = CheckBox(
            value=False,
            text="Sure heights only",
            tooltip="Leave out of meshes and height maps what is less sure than chosen above; "
            "other programs have no confidence and count every height.",
        )
        self.faces = SpinBox(
            value=MOST_FACES,
            min=100,
            max=4_000_000,
            step=100_000,
            tooltip="Triangles of a mesh at most; flat parts get few of them.",
        )
        self.stretch = FloatSpinBox(
            value=1, min=0.1, max=100, step=0.5, tooltip="Factor on the heights of mesh and film."
        )
        self.motion = ComboBox(
            choices=[("rocks", "rock"), ("turns", "turn")],
            tooltip="Whether the surface in the film swings to both sides, or turns once.",
        )
        self.buttons = {
            name: PushButton(text=name, tooltip=words) for name, (words, _) in KINDS.items()
        }
        self.starters = list(self.buttons.values())
        super().__init__(
            widgets=[
                self.buttons[MESH],
                row("Triangles", self.faces),
                self.buttons[HEIGHTS],
                self.only_sure,
                self.buttons[FIGURE],
                self.buttons[FILM],
                row("The film", self.motion),
                row("Height x", self.stretch),
            ],
            labels=False,
        )
        self.native.layout().addStretch(1)
        for name, button in self.buttons.items():
            button.changed.connect(lambda _=None, name=name: self._ask_and_save(name))

    def _ask_and_save(self, kind: str) -> None:
        """Ask for a file and write it; do nothing if none is chosen."""
        found = self._chosen()
        if found is None:
            return
        formats = KINDS[kind][1]
        path, chosen = QFileDialog.getSaveFileName(
            self.native,
            kind.removesuffix("..."),
            f"{source_name(str(found.image.name))}{_suffix(formats[0])}",
            ";;".join(formats),
        )
        if path:
            self._start(lambda: self._task(kind, _completed(Path(path), chosen, formats)))

    def save(self, kind: str, path: str) -> None:
        """Write a file.

        Parameters
        ----------
        kind : str
            One of `KINDS`.
        path : str
            File, whose suffix names the format.
        """
        self._start(partial(self._task, kind, Path(path)))

    def _task(self, kind: str, path: Path) -> Task:
        found, heights = self._chosen(), self._heights()
        assert found is not None, "there are heights"
        image = np.asarray(found.image.data)
        return self._steps(kind, path, heights, image, _limits(found)), lambda _: f"Saved '{path}'."

    def _steps(
        self,
        kind: str,
        path: Path,
        heights: HeightMap,
        image: NDArray[Any],
        limits: tuple[float, float] | None,
    ) -> Steps:
        sure, stretch = self.only_sure.value, self.stretch.value
        if kind == MESH:
            most = self.faces.value
            return partial(_mesh, path, heights, image, limits, most, stretch, sure)
        if kind == HEIGHTS:
            return at_once(partial(_write_heights, path, heights, sure))
        if kind == FIGURE:
            return at_once(partial(_write_figure, path, heights, image, list(self._profiles())))
        return partial(_film, path, heights, image, self.motion.value, stretch)


def _limits(found: ResultSet) -> tuple[float, float] | None:
    """Return the values of a grey image that the viewer shows black and white."""
    if found.image.rgb:
        return None
    low, high = found.image.contrast_limits
    return float(low), float(high)


def _suffix(format_: str) -> str:
    """Return the suffix in the words of a file dialog."""
    return format_.rpartition("*")[2].rstrip(")")


def _completed(path: Path, chosen: str, formats: Sequence[str]) -> Path:
    """Return the path of a file dialog with the suffix of a format.

    One that was typed counts, unless it is the one that was offered and another format was chosen.

    Raises
    ------
    OutputError
        The path is another one than the dialog asked about, and exists.
    """
    offered, typed = _suffix(formats[0]), path.suffix.lower()
    known = [*map(_suffix, formats), ".tiff"]
    if typed == offered and _suffix(chosen) not in ("", offered):
        return unless_taken(path.with_suffix(_suffix(chosen)))
    if typed in known:
        return path
    return unless_taken(path.with_name(path.name + (_suffix(chosen) or offered)))


def _mesh(
    path: Path,
    heights: HeightMap,
    image: NDArray[Any],
    limits: tuple[float, float] | None,
    most_faces: int,
    exaggeration: float,
    sure_only: bool,
    cancel: threading.Event,
) -> Generator[Any, None, Path]:
    """Write a mesh, unless that is cancelled while it is made."""
    from napari_focus_stack.analysis.surface import surface_mesh

    yield from ()
    mesh = surface_mesh(
        heights,
        image,
        most_faces=most_faces,
        exaggeration=exaggeration,
        limits=limits,
        sure_only=sure_only,
    )
    if cancel.is_set():
        raise Cancelled
    mesh.save(path)
    return path


def _write_heights(path: Path, heights: HeightMap, sure_only: bool) -> Path:
    from napari_focus_stack.analysis.height_export import save_heights

    save_heights(heights, path, sure_only=sure_only)
    return path


def _write_figure(
    path: Path, heights: HeightMap, image: NDArray[Any], profiles: Sequence[Profile]
) -> Path:
    from napari_focus_stack.figures.figure import write_figure

    write_figure(heights, image, path, profiles)
    return path


def _film(
    path: Path,
    heights: HeightMap,
    image: NDArray[Any],
    motion: Any,
    exaggeration: float,
    cancel: threading.Event,
) -> Generator[Any, None, Path]:
    """Write a film, frame by frame."""
    from napari_focus_stack.figures.film import FilmSettings, film_steps

    settings = FilmSettings(motion=motion, exaggeration=exaggeration)
    with closing(film_steps(heights, image, path, settings)) as frames:
        for frame in frames:
            if cancel.is_set():
                raise Cancelled
            yield frame
    return path
