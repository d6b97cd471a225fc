"""Whether depth errs by as much as its confidence says, and whether empty places have any.

    python benchmarks/confidence.py [--bench DIR] [--cache DIR]

On the scenes of `focusstack bench`, on small fields that are empty but for a cell, and,
with --bench, on the scenes of `bench.py`, `sections.py`, `rims.py` and `light.py` that lie in DIR
(rendered into --cache). A confidence c stands for an expected error of 0.22 * sqrt(1 / c - 1) units
of depth; a unit is a plane, or as many as detail stays sharp over.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from skimage import data

from napari_focus_stack import focus_stack
from napari_focus_stack.depth.confidence import HALF_TRUSTED
from napari_focus_stack.simulation.benchmark import SENSOR
from napari_focus_stack.simulation.scenes import SCENES, VARIANTS, Camera, render_ground_truth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Case = tuple[str, NDArray[np.generic], NDArray[np.float32]]

EXPECTED = (0.0, 0.07, 0.1, 0.15, 0.22, 0.3, 0.5, 1.0)
EDGE = 16
"""Pixels at the border that no scene knows well."""
SIDES = (60, 81, 128, 200)


def own_scenes() -> Iterator[Case]:
    """Every scene of `focusstack bench`."""
    for scene in SCENES:
        for variant in VARIANTS:
            shown = render_ground_truth(scene, variant, 12, 1.0, Camera(SENSOR.noise, 8))
            yield f"{scene} {variant}", shown.planes, shown.depth


def public_scenes(bench: Path, cache: Path) -> Iterator[Case]:
    """Scenes of the four benches, still ones under a steady lamp."""
    sys.path.insert(0, str(bench))
    import light
    import rims
    import scenes
    import sections
    from score import load_truth

    for folder in scenes.render(cache / "bench"):
        name = Path(folder).name
        if not name.endswith("moving"):
            _, depth, _ = load_truth(Path(folder), None)
            yield f"bench {name}", folder_of(Path(folder) / "planes"), depth
    for folder in sections.render(cache / "sections"):
        if folder.name.endswith("still"):
            truth = np.load(folder / "truth.npz")
            yield f"sections {folder.name}", folder_of(folder / "planes"), truth["depth"]
    for name, scene in rims.SCENES.items():
        planes, _, depth, _ = rims.stained(**scene)
        yield f"rims {name}", (planes * 255).round().astype(np.uint8), depth
    for name, scene in light.SCENES.items():
        image, depth, n, blur = scene()
        planes = np.stack(light.focal_stack(image, depth, n, blur))
        noisy = np.clip(planes + np.random.default_rng(6).normal(0, 0.004, planes.shape), 0, 1)
        yield f"light {name}", (noisy * 255).round().astype(np.uint8), depth


def folder_of(folder: Path) -> NDArray[np.generic]:
    """Planes of a folder, in the order of their names."""
    return np.stack([cv2.imread(str(f), cv2.IMREAD_UNCHANGED) for f in sorted(folder.iterdir())])


def empty_field(side: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Planes of a textured cell in an empty field, and where there is no detail in any of them."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    cy, cx = random.uniform(0.35, 0.65, 2) * side
    cell = np.hypot(y - cy, x - cx) < 0.18 * side
    texture = data.gravel()[:side, :side] / 255.0
    image = np.where(cell, 0.3 + 0.5 * texture, 0.6)
    blurs = [1.2 * abs(k - random.uniform(3, 6)) for k in range(10)]
    planes = [cv2.GaussianBlur(image, (0, 0), blur) if blur > 0.2 else image for blur in blurs]
    noisy = np.stack(planes) + random.normal(0, 0.006, (10, side, side))
    far = cv2.distanceTransform((~cell).astype(np.uint8), cv2.DIST_L2, 5) > 3 * max(blurs)
    return (255 * noisy).round().clip(0, 255).astype(np.uint8), far


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", type=Path)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "focus-stack")
    args = parser.parse_args()
    bins = [f"{low:.2g} to {high:.2g}" for low, high in pairwise(EXPECTED)]
    print(
        f"{'share and error where is expected':34s}", *(f"{one:>12s}" for one in bins), " c >= 0.5"
    )
    public = public_scenes(args.bench, args.cache) if args.bench else ()
    for name, planes, depth in chain(own_scenes(), public):
        result = focus_stack(planes)
        inner = np.s_[EDGE:-EDGE, EDGE:-EDGE]
        error = np.abs(result.depth - depth)[inner]
        confidence = np.maximum(result.confidence[inner], 1e-6)
        expected = HALF_TRUSTED * np.sqrt(1 / confidence - 1)
        row = []
        for low, high in pairwise(EXPECTED):
            here = (expected >= low) & (expected < high)
            row.append(
                f"{here.mean():4.0%} {error[here].mean():6.3f}" if here.mean() > 0.002 else "-"
            )
        sure = confidence >= 0.5
        trusted = f"{sure.mean():4.0%} {error[sure].mean():6.3f}" if sure.any() else "none"
        print(f"{name:34s}", *(f"{one:>12s}" for one in row), trusted, flush=True)
    for side in SIDES:
        shares = []
        for seed in range(6):
            planes, far = empty_field(side, seed)
            if far.any():
                shares.append(float((focus_stack(planes).confidence[far] >= 0.5).mean()))
        print(f"empty, {side} px: {max(shares, default=0):.1%} of pixels without detail trusted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
