"""Films of a relief that rocks or turns, as MP4."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_focus_stack._utils.steps import drain
from napari_focus_stack.errors import OutputError, SettingsError
from napari_focus_stack.figures.film_encoder import encoder, frames_in
from napari_focus_stack.figures.poses import STEEPEST, Pose, swung
from napari_focus_stack.figures.relief import SHADING, prepare_relief
from napari_focus_stack.figures.relief_view import Colour, view
from napari_focus_stack.io.replacing import temporary_name
from napari_focus_stack.io.writing import Outputs

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Generator

    from numpy.typing import NDArray

    from napari_focus_stack.analysis.height_map import HeightMap

Motion = Literal["rock", "turn"]
MOTIONS: tuple[Motion, ...] = ("rock", "turn")
DARK: Colour = (32, 32, 36)
"""Colour around a relief: gaps in a black field remain visible."""
_TILTS = {"rock": 0.0, "turn": 50.0}
_MOST_FRAMES = 36_000


@dataclass(frozen=True, kw_only=True)
class FilmSettings:
    """Motion and size of a film, whose end joins its beginning.

    Attributes
    ----------
    motion : {"rock", "turn"}
        Swing to both sides about the vertical axis of the picture, or turn about the height axis.
    angle : float
        Largest angle of the swing in degrees; without effect on "turn".
    tilt : float or None
        Angle between the height axis and the direction of view in degrees; by default 0 for "rock"
        and 50 for "turn".
    seconds : float
        Duration of one swing to both sides, or of one turn.
    fps : float
        Frames a second.
    frame : tuple of int
        Width and height in pixels, even numbers, as the format needs them.
    exaggeration : float
        Factor on heights; below 0 where heights increase away from the viewer.
    shading : float
        Share of light from the upper left in the brightness, 0 to 1.
    background : tuple of int
        RGB around the relief, 0 to 255.

    Raises
    ------
    SettingsError
        A value is out of bounds.
    """

    motion: Motion = "rock"
    angle: float = 20.0
    tilt: float | None = None
    seconds: float = 6.0
    fps: float = 30.0
    frame: tuple[int, int] = (1280, 960)
    exaggeration: float = 1.0
    shading: float = SHADING
    background: Colour = DARK

    def __post_init__(self) -> None:
        """Check the values; those of a view are checked with it."""
        if self.motion not in MOTIONS:
            raise SettingsError(f"motion '{self.motion}' must be one of: {', '.join(MOTIONS)}.")
        if not 0 < self.angle <= STEEPEST:
            raise SettingsError(f"angle {self.angle:g} must be above 0 and at most 89 degrees.")
        if self.tilt is not None and not 0 <= self.tilt <= STEEPEST:
            raise SettingsError(f"tilt {self.tilt:g} must be 0 to {STEEPEST:g} degrees.")
        if not 1 <= self.fps <= 120:
            raise SettingsError(f"fps {self.fps:g} must be 1 to 120.")
        if not 2 <= self.seconds * self.fps <= _MOST_FRAMES:
            raise SettingsError(
                f"seconds {self.seconds:g} gives {self.seconds * self.fps:g} frames and must give "
                f"2 to {_MOST_FRAMES}."
            )
        if any(side % 2 for side in self.frame):
            raise SettingsError(
                f"frame {self.frame[0]} x {self.frame[1]} must have even sides, as MP4 needs them."
            )

    @property
    def poses(self) -> list[Pose]:
        """Pose of each frame; the next one after the last is the first."""
        count = round(self.seconds * self.fps)
        tilt = _TILTS[self.motion] if self.tilt is None else self.tilt
        shares = [number / count for number in range(count)]
        if self.motion == "turn":
            return [Pose(360 * share, tilt) for share in shares]
        return [swung(tilt, self.angle * math.sin(2 * math.pi * share)) for share in shares]


@dataclass(frozen=True)
class FilmProgress:
    """Progress of a film, before one frame.

    Attributes
    ----------
    done : int
        Frames done.
    total : int
        All frames.
    """

    done: int
    total: int

    def __str__(self) -> str:
        """Return a sentence for a progress bar."""
        return f"Drawing frame {self.done + 1} of {self.total}"


@dataclass(frozen=True)
class Film:
    """Film that was written.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    frames : int
        Number of frames.
    codec : str
        "H.264" if ffmpeg with libx264 is installed; otherwise "MPEG-4 Part 2", which plays in
        PowerPoint, QuickTime and VLC, and not in browsers.
    """

    path: Path
    frames: int
    codec: str


def write_film(
    source: HeightMap,
    image: NDArray[Any] | None,
    path: str | os.PathLike[str],
    settings: FilmSettings | None = None,
    progress: Callable[[FilmProgress], object] | None = None,
) -> Film:
    """Write a film of a relief.

    Parameters
    ----------
    source : HeightMap
        Heights; those that are not sure are replaced by smooth ones between those that are.
    image : numpy.ndarray or None
        (Y, X), RGB or RGBA, of any type; None colours the relief by its heights.
    path : path
        File to write, `.mp4`.
    settings : FilmSettings, optional
        Motion and size.
    progress : callable, optional
        Called with a `FilmProgress` before each frame; an error that it raises ends the film, and
        no file remains.

    Returns
    -------
    Film
        File and codec.

    Raises
    ------
    InputError
        The image does not fit, or no height is sure.
    SettingsError
        A value is out of bounds.
    OutputError
        The file cannot be written; one that existed before remains.
    """
    return drain(film_steps(source, image, Path(path), settings or FilmSettings()), progress)


def film_steps(
    source: HeightMap, image: NDArray[Any] | None, path: Path, settings: FilmSettings
) -> Generator[FilmProgress, None, Film]:
    """Write a film of a relief, in steps that can be closed to cancel it.

    Parameters
    ----------
    source, image, path, settings : HeightMap, numpy.ndarray or None, pathlib.Path, FilmSettings
        As for `write_film`.

    Yields
    ------
    FilmProgress
        Before each frame.

    Returns
    -------
    Film
        File and codec.

    Raises
    ------
    InputError
        The image does not fit, or no height is sure.
    SettingsError
        A value is out of bounds.
    OutputError
        The file cannot be written; one that existed before remains.
    """
    check_film_name(path)
    frames = film_frames(source, image, settings)
    total = len(settings.poses)
    part = temporary_name(path)
    temporary = part.with_name(f"{part.name}.mp4")
    with Outputs() as files, closing(frames):
        files.adopt(temporary, path)
        with encoder(temporary, path, settings.frame, settings.fps) as film:
            for number in range(total):
                yield FilmProgress(number, total)
                film.write(next(frames))
        # OpenCV drops frames without a word when the disk is full
        if frames_in(temporary) != total:
            raise OutputError(
                f"'{path}' cannot be written: the disk took only a part of it; free the disk or "
                "choose another folder."
            )
    return Film(path, total, film.codec)


def film_frames(
    source: HeightMap, image: NDArray[Any] | None, settings: FilmSettings
) -> Generator[NDArray[Any], None, None]:
    """Draw the frames of a film.

    Parameters
    ----------
    source, image, settings : HeightMap, numpy.ndarray or None, FilmSettings
        As for `write_film`.

    Yields
    ------
    numpy.ndarray
        (Y, X, 3) uint8 RGB.

    Raises
    ------
    InputError
        The image does not fit, or no height is sure.
    SettingsError
        A value is out of bounds.
    """
    poses = settings.poses
    relief = prepare_relief(
        source,
        image,
        poses,
        frame=settings.frame,
        exaggeration=settings.exaggeration,
        shading=settings.shading,
    )
    for pose in poses:
        yield view(relief, pose, settings.background)


def check_film_name(path: Path) -> None:
    """Refuse a name that is none of a film.

    Parameters
    ----------
    path : pathlib.Path
        File to write.

    Raises
    ------
    OutputError
        Its suffix is not `.mp4`.
    """
    if path.suffix.lower() != ".mp4":
        raise OutputError(f"'{path}' is no name of a film; let it end in .mp4.")
