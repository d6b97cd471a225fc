"""Records of a batch as tests need them: any stack, with figures that differ from each other."""

from __future__ import annotations

import dataclasses
from typing import Any

from napari_focus_stack.batch.records import BatchRecord, Figures, StackName

FIGURES = Figures(
    planes=12,
    left_out=1,
    align="similarity",
    motion=3.25,
    share_sure=0.625,
    depth=(1.5, 4.25, 9.75),
    height=(3.0, 8.5, 19.5),
    unit="micrometer",
    share_at_ends=0.125,
    saturated=0.0625,
    colours=(1.25, 10.5),
)


def done(source: str, **changes: Any) -> BatchRecord:
    """A stack that was fused; keywords change its name, its figures or the record itself."""
    parts = {cls: {f.name for f in dataclasses.fields(cls)} for cls in (StackName, Figures)}
    name = {key: changes.pop(key) for key in parts[StackName] & changes.keys()}
    figures = {key: changes.pop(key) for key in parts[Figures] & changes.keys()}
    kept = {
        "state": "done",
        "seconds": 1.5,
        "figures": dataclasses.replace(FIGURES, **figures),
        "results": {"image": f"{source}.ome.tif", "depth": f"{source}_depth.ome.tif"},
        "report": f"reports/{source}.focusstack.json",
    }
    return BatchRecord(name=StackName(source=source, **name), **(kept | changes))


def failed(source: str, why: str) -> BatchRecord:
    """A stack that could not be fused."""
    return BatchRecord(
        name=StackName(source=source),
        state="failed",
        why=why,
        seconds=0.5,
        report=f"reports/{source}.focusstack.json",
    )


def left(source: str, why: str) -> BatchRecord:
    """A stack that the next run tries."""
    return BatchRecord(name=StackName(source=source), state="left", why=why)
