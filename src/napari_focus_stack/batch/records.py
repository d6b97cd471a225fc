"""Records of a batch: what became of each stack, as its marker holds it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping  # noqa: TC003 - `checked` reads the annotations
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from napari_focus_stack.batch.plain_types import checked

State = Literal["done", "failed", "left"]
STILL_WRITTEN = "Its files are still being written; run the batch again when they are complete."
"""Why a stack was left for a later run."""
OLDER_RESULT = " The result of an earlier run is still there."
"""End of the reason of a failure."""
LOST_RESULT = (
    " What an earlier run made of it, with other settings or not to its end, is blank now, as the "
    "other channels in its file are made anew."
)
"""End of the reason of a failure beside channels that are done."""
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True, kw_only=True)
class StackName:
    """Place of a stack below the root of a batch.

    Attributes
    ----------
    source : str
        File or folder, relative to the root, with slashes; "." for the root itself.
    position, time, channel : int
        Numbers in that file or folder, counted from 0.
    position_name, channel_name : str
        Their names; empty for none.
    well : str or None
        Well of a plate, such as "B02".
    """

    source: str
    position: int = 0
    time: int = 0
    channel: int = 0
    position_name: str = ""
    channel_name: str = ""
    well: str | None = None


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Figures of a stack that was fused, for the summary.

    Attributes
    ----------
    planes : int
        Planes of the stack.
    left_out : int
        Planes that did not count.
    align : str
        Motion model.
    motion : float
        Largest way of a corner of the field between a plane and the reference, in pixels.
    share_sure : float
        Share of the pixels whose depth has a confidence of 0.5 or more.
    depth : tuple of float or None
        5th, 50th and 95th percentile of the depth that is sure, in planes; None without any.
    height : tuple of float or None
        The same of the height, in `unit`; None without a z step.
    unit : str or None
        Unit of the height.
    share_at_ends : float
        Share of the sure pixels whose depth is that of the first or the last plane: the specimen
        goes on beyond the stack.
    saturated : float or None
        Share of saturated pixels.
    colours : tuple of float or None
        Depths, in planes, of the first and the last colour of its pictures of depth; None where no
        depth is sure, and in the records of versions that did not keep them.
    """

    planes: int
    left_out: int
    align: str
    motion: float
    share_sure: float
    depth: tuple[float, float, float] | None
    height: tuple[float, float, float] | None = None
    unit: str | None = None
    share_at_ends: float = 0.0
    saturated: float | None = None
    colours: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class BatchRecord:
    """What became of one stack.

    Attributes
    ----------
    name : StackName
        Its place.
    state : {"done", "failed", "left"}
        "left": not stacked, and no marker says more. The next run looks at it again; it waits for
        that only if `why` is `STILL_WRITTEN`.
    why : str
        Sentence on a failure, or on a stack that was left.
    seconds : float
        Time that its task took, with the other channels of its time point.
    kept : bool
        Whether an earlier run did it.
    figures : Figures or None
        None unless done.
    notes : tuple of str
        Sentences of the report.
    results : mapping of str to str
        File or store of each role ("image", "depth", "height", "confidence"), relative to the
        folder of results, with slashes.
    pictures : mapping of str to str
        Pictures for the contact sheet, relative to the folder of results: "image" and "depth"
        (thumbnails), "image_view" and "depth_view" (full view), all JPEG.
    report : str
        Marker, relative to the folder of results.
    """

    name: StackName
    state: State
    why: str = ""
    seconds: float = 0.0
    kept: bool = False
    figures: Figures | None = None
    notes: tuple[str, ...] = ()
    results: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, str] = field(default_factory=dict)
    report: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return a plain dictionary for JSON.

        Returns
        -------
        dict
            All fields by name.
        """
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> BatchRecord:
        """Return the record of a plain dictionary: the inverse of `as_dict`.

        Parameters
        ----------
        plain : mapping
            From `as_dict` or JSON.

        Returns
        -------
        BatchRecord
            The record.

        Raises
        ------
        KeyError, TypeError, ValueError, AttributeError
            It is none, or a value is of another type.
        """
        fields = dict(plain)
        if fields["state"] not in STATES:
            raise ValueError(fields["state"])
        figures = fields.get("figures")
        if figures is not None:
            figures = checked(
                Figures(
                    **{
                        **figures,
                        **{
                            name: tuple(figures[name])
                            for name in ("depth", "height", "colours")
                            if figures.get(name) is not None
                        },
                    }
                )
            )
        fields |= {
            "name": checked(StackName(**fields["name"])),
            "figures": figures,
            "notes": tuple(fields.get("notes", ())),
        }
        return checked(cls(**fields))
