"""Heights in files as they are found, before one of them is chosen and read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from napari_focus_stack.io.sources import Spacing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

Kind = Literal["height", "depth", "unknown"]
"""Heights, depths in planes, or values that the file does not explain."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HeightField:
    """Heights or depths of one field, with all that their files say of them.

    Attributes
    ----------
    values : numpy.ndarray
        (Y, X) heights in the unit of `spacing`, or depths in planes.
    kind : {"height", "depth", "unknown"}
        What the values are.
    confidence : numpy.ndarray or None
        (Y, X) float, 0 to 1.
    image : numpy.ndarray or None
        (Y, X[, C]) the sharp image.
    spacing : Spacing
        Pixel size, z step and their unit.
    z_calibration : mapping
        As in `Report`.
    depth_unit : float
        As in `Report`.
    ends : tuple of int or None
        First and last plane that the stack used, as far as they are known.
    notes : tuple of str
        Assumptions, one sentence each.
    """

    values: NDArray[Any]
    kind: Kind
    confidence: NDArray[Any] | None = None
    image: NDArray[Any] | None = None
    spacing: Spacing = field(default_factory=Spacing)
    z_calibration: Mapping[str, float] = field(default_factory=dict)
    depth_unit: float = 1.0
    ends: tuple[int | None, int | None] = (None, None)
    notes: tuple[str, ...] = ()


def calibration_of(described: Mapping[str, Any]) -> dict[str, float]:
    """Return the calibration of z in what a run wrote of itself.

    Parameters
    ----------
    described : mapping
        A report, or the metadata of a saved result.

    Returns
    -------
    dict of str to float
        As in `Report`; empty where distances are taken as they are.

    Raises
    ------
    AttributeError, TypeError, ValueError
        It is damaged.
    """
    known = described.get("z_calibration") or {}
    return {name: float(value) for name, value in known.items() if value is not None}


def ends_of(described: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return the first and the last plane that a run used, by what it wrote of itself.

    Parameters
    ----------
    described : mapping
        A report, or the metadata of a saved result.

    Returns
    -------
    tuple of int or None
        None where the planes are not described.

    Raises
    ------
    TypeError
        It is damaged.
    """
    transforms = described.get("transforms") or []
    used = [plane for plane, matrix in enumerate(transforms) if matrix is not None]
    return (used[0], used[-1]) if used else (None, None)


@dataclass(frozen=True, kw_only=True)
class StoredHeights:
    """Heights of one field in a file, read on demand.

    Attributes
    ----------
    name : str
        Name of the result.
    position : str
        Name of the position; empty if there is one alone.
    time : int or None
        Number of the time point; None if there is one alone.
    channel : int or None
        Number of the channel; None if there is one alone.
    channel_name : str
        Its name; empty if it has none.
    files : tuple of pathlib.Path
        Its files beside the one that was given.
    read : callable
        Returns the `HeightField`.
    """

    name: str
    read: Callable[[], HeightField]
    position: str = ""
    time: int | None = None
    channel: int | None = None
    channel_name: str = ""
    files: tuple[Path, ...] = ()
