"""Other programs on the scenes of `focusstack bench`, whose sharp image is known.

    python benchmarks/peers.py [--scene NAME ...] [--variant NAME ...] [--json FILE]

Every program that is on the PATH runs with its own defaults on the same files: 8-bit PNG, three
equal channels where the scene is grey, because some take nothing else. Where nothing moves, the
better of its runs with and without alignment counts. What it writes is compared with the truth by
PSNR (dB) and SSIM, the better of as it is and moved onto the truth (ECC, affine), so that no
program loses by the choice of its frame. Programs that are missing are left out. The table goes to
stdout as Markdown.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.simulation.benchmark import SENSOR
from napari_focus_stack.simulation.metrics import best_single_plane, score_image
from napari_focus_stack.simulation.scenes import SCENES, VARIANTS, render_ground_truth

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.simulation.metrics import ImageScore
    from napari_focus_stack.simulation.scenes import GroundTruthStack

SECONDS = 600
"""Longest time that a program may take for a stack."""
ENFUSE = (
    "enfuse --exposure-weight=0 --saturation-weight=0 --contrast-weight=1 --hard-mask "
    "--gray-projector=l-star -o {out} {planes}"
)


@dataclass(frozen=True)
class Peer:
    """A program and how it is called.

    Attributes
    ----------
    program : str
        Name on the PATH.
    aligned, still : tuple of str
        Commands with and without alignment, one after the other; {folder}, {planes}, {work}, {out}
        and {middle} are filled in. Without commands there is no such run.
    """

    program: str
    aligned: tuple[str, ...]
    still: tuple[str, ...] = ()


PEERS = {
    "napari-focus-stack": Peer(
        "focusstack", ("focusstack -i {folder} -o {out} --reference {middle}",)
    ),
    "focus-stack": Peer(
        "focus-stack", ("focus-stack --reference={middle} --output={out} {planes}",)
    ),
    "focusweave": Peer(
        "focusweave",
        ("focusweave {folder} --output {out} --keep-size",),
        ("focusweave {folder} --output {out} --keep-size --no-align",),
    ),
    "enfuse": Peer(
        "enfuse",
        (
            "align_image_stack -m -a {work}/aligned {planes}",
            ENFUSE.replace("{planes}", "{work}/aligned*.tif"),
        ),
        (ENFUSE,),
    ),
}
"""Programs that stack without a window, by their names in the table."""


def scores(peer: Peer, scene: GroundTruthStack) -> Iterator[ImageScore]:
    """Yield the score of each run of a program that ended well."""
    runs = [peer.aligned] if scene.transforms is not None else [peer.aligned, peer.still]
    for commands in filter(None, runs):
        with tempfile.TemporaryDirectory() as work:
            found = _image(commands, scene.planes, Path(work))
        if found is not None and found.shape == _colour(scene.image).shape:
            yield best_of(found, _colour(scene.image))


def _image(
    commands: Sequence[str], planes: NDArray[np.uint8], work: Path
) -> NDArray[np.uint8] | None:
    """Run commands on planes; return what they wrote, RGB, or None with a word on stderr."""
    folder, out = work / "planes", work / "out.png"
    folder.mkdir()
    for k, plane in enumerate(planes):
        cv2.imwrite(str(folder / f"plane{k:03}.png"), _colour(plane)[..., ::-1])
    names = {"folder": folder, "work": work, "out": out, "middle": len(planes) // 2}
    for command in commands:
        words = shlex.split(command.format(planes=f"{folder}/*.png", **names))
        filled = [name for word in words for name in _matching(word)]
        done = subprocess.run(filled, capture_output=True, text=True, timeout=SECONDS, check=False)
        if done.returncode:
            print(f"{filled[0]} failed: {done.stderr.strip()[-200:]}", file=sys.stderr)
            return None
    written = cv2.imread(str(out), cv2.IMREAD_COLOR)
    return None if written is None else np.ascontiguousarray(written[..., ::-1]).astype(np.uint8)


def _matching(word: str) -> list[str]:
    """Return the files that a pattern names, in their order; another word as it is."""
    path = Path(word)
    return sorted(map(str, path.parent.glob(path.name))) if "*" in word else [word]


def _colour(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)


def best_of(found: NDArray[np.uint8], truth: NDArray[np.uint8]) -> ImageScore:
    """Return the score of an image, or that of the image moved onto the truth if it is better."""
    as_it_is = score_image(found, truth)
    grey = [cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in (truth, found)]
    try:
        matrix = cv2.findTransformECC(*grey, np.eye(2, 3, dtype=np.float32), cv2.MOTION_AFFINE)[1]
    except cv2.error:
        return as_it_is
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    size = truth.shape[1::-1]
    moved = cv2.warpAffine(found, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    return max(as_it_is, score_image(moved.astype(np.uint8), truth), key=lambda one: one.psnr)


def main() -> None:
    """Run every program on every scene and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scene", nargs="+", choices=SCENES, default=list(SCENES))
    parser.add_argument("--variant", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--json", type=Path)
    call = parser.parse_args()
    here = {name: peer for name, peer in PEERS.items() if shutil.which(peer.program)}
    print(f"| scene | best plane | {' | '.join(here)} |")
    print(f"| --- | --- |{' --- |' * len(here)}")
    rows: dict[str, dict[str, list[float]]] = {}
    for name in call.scene:
        for variant in call.variant:
            scene = render_ground_truth(
                name, variant, SCENES[name].planes, SCENES[name].blur, SENSOR
            )
            _, plane = best_single_plane(scene.planes, scene.image, scene.transforms)
            row = {"best plane": [plane.psnr, plane.ssim]}
            for title, peer in here.items():
                best = max(scores(peer, scene), key=lambda one: one.psnr, default=None)
                if best is not None:
                    row[title] = [best.psnr, best.ssim]
            rows[f"{name}-{variant}"] = row
            shown = [row.get(title) for title in ("best plane", *here)]
            cells = ["failed" if one is None else f"{one[0]:.2f}, {one[1]:.3f}" for one in shown]
            print(f"| {name}, {variant} | {' | '.join(cells)} |", flush=True)
    if call.json:
        call.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
