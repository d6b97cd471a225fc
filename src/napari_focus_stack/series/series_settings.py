"""Parameters of a series beyond those of each stack."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

from napari_focus_stack.errors import SettingsError

SlabMethod = Literal["max", "mean"]
SLAB_METHODS: tuple[SlabMethod, ...] = get_args(SlabMethod)
MOST_TIMES = 99
"""Largest number of time points that are pooled, or planes of a slab."""
_FOLLOW = r"alignment|surface(?::([+-]?\d+))?"


def _parameter(default: Any, explanation: str) -> Any:
    return dataclasses.field(default=default, metadata={"help": explanation})


@dataclass(frozen=True, kw_only=True)
class SeriesSettings:
    """Parameters of a series, which are checked when an instance is created.

    Attributes
    ----------
    lead_channel : str or int
        Channel whose transforms the others take: "auto", a name, a number, or "each".
    follow : str
        What the other channels take from the lead: "alignment", "surface" or "surface:OFFSET".
    slab : int
        Planes projected around the surface, odd.
    slab_method : {"max", "mean"}
        Projection of the slab.
    smooth_time : int
        Time points whose planes are pooled before depth is measured, odd.
    drift : bool
        Whether the drift of the field over time is removed.

    Raises
    ------
    SettingsError
        A value is not one of these.
    """

    lead_channel: str | int = _parameter(
        "auto",
        "Channel whose transforms, and surface if 'follow' says so, the other channels take: "
        "'auto' (the one whose depth is surest), its name, its number from 0, or 'each' (none).",
    )
    follow: str = _parameter(
        "alignment",
        "What the other channels take from the lead channel: its 'alignment' (the focus is their "
        "own), or its 'surface' (their pixels at the lead's depth; 'surface:2' two planes later).",
    )
    slab: int = _parameter(
        1, "Planes around the surface that are projected with follow 'surface', odd."
    )
    slab_method: SlabMethod = _parameter("max", "Projection of the slab: 'max' or 'mean'.")
    smooth_time: int = _parameter(
        1,
        "Time points, odd, whose planes are averaged before depth is measured, for weak films "
        "whose depth flickers; the image stays that of its own time point.",
    )
    drift: bool = _parameter(False, "Remove the drift of the field over time.")

    def __post_init__(self) -> None:
        """Check every field."""
        if self.offset is None:
            raise SettingsError(
                f"follow '{self.follow}' is not known; give 'alignment', 'surface', or "
                "'surface:2' for two planes after the surface."
            )
        if self.slab_method not in SLAB_METHODS:
            raise SettingsError(f"slab_method '{self.slab_method}' is not known; give max or mean.")
        for name in ("slab", "smooth_time"):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole or not 1 <= value <= MOST_TIMES or value % 2 == 0:
                raise SettingsError(
                    f"{name} {value!r} must be an odd whole number from 1 to {MOST_TIMES}."
                )
        if not self.follows_surface:
            for name, default in (("slab", 1), ("slab_method", "max")):
                if getattr(self, name) != default:
                    raise SettingsError(
                        f"{name} is for channels that follow the lead's surface; add follow "
                        "'surface', or leave it out."
                    )
        elif self.lead_channel == "each":
            raise SettingsError(
                f"follow '{self.follow}' needs a lead channel; name one, or leave 'each' out."
            )

    @property
    def follows_surface(self) -> bool:
        """Whether the other channels are projected through the lead's surface."""
        return self.follow != "alignment"

    @property
    def offset(self) -> int | None:
        """Planes from the lead's surface to the centre of the slab; None if `follow` is wrong."""
        found = re.fullmatch(_FOLLOW, str(self.follow))
        return None if found is None else int(found[1] or 0)

    def as_dict(self) -> dict[str, Any]:
        """Return a plain dictionary for JSON.

        Returns
        -------
        dict
            Every field by its name.
        """
        return dataclasses.asdict(self)
