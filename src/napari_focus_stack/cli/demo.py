"""The demonstration: a built-in sample is stacked and compared with its truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.output_formats import Legend
from napari_focus_stack.io.sources import ArraySource
from napari_focus_stack.io.writing import Outputs
from napari_focus_stack.pipeline.stack import focus_stack
from napari_focus_stack.simulation.metrics import (
    DepthScore,
    ImageScore,
    best_single_plane,
    score_depth,
    score_image,
)
from napari_focus_stack.simulation.samples import SAMPLES, Sample, render_sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.result import StackResult

FOLDER = Path("focusstack-demo")


@dataclass(frozen=True)
class DemoResult:
    """Files of a demonstration and the accuracy of its result.

    Attributes
    ----------
    sample : Sample
        Planes and truth.
    result : StackResult
        Result of the planes.
    planes, image, depth_index, depth_map : pathlib.Path
        Files: the planes (multi-page TIFF), the stacked image (PNG), the number of the plane in
        focus at each pixel (16-bit TIFF), and the depth in false colours (PNG).
    score : ImageScore
        Accuracy of the stacked image.
    best_plane : int
        Number of the plane that is nearest to the truth.
    plane_score : ImageScore
        Accuracy of that plane.
    depth_score : DepthScore
        Accuracy of the depth map.
    """

    sample: Sample
    result: StackResult
    planes: Path
    image: Path
    depth_index: Path
    depth_map: Path
    score: ImageScore
    best_plane: int
    plane_score: ImageScore
    depth_score: DepthScore

    def __str__(self) -> str:
        """Return the text for a terminal."""
        return self.summary()

    def summary(self) -> str:
        """Describe files and accuracy in a few lines.

        Returns
        -------
        str
            Text for a terminal, without a line break at its end.
        """
        count, height, width = self.sample.planes.shape[:3]
        step, error = self.sample.spacing.z, self.depth_score.mean_error
        physical = "" if step is None else f" ({error * step:.2f} µm)"
        return "\n".join(
            [
                f"Sample '{self.sample.name}': {count} planes of {width} x {height} pixels.",
                f"Stacked image  {self.image}",
                f"Depth index    {self.depth_index} (in colours: {self.depth_map})",
                f"The planes     {self.planes}",
                "",
                "Against the truth            PSNR      SSIM",
                f"  stacked image          {self.score.psnr:5.1f} dB    {self.score.ssim:.3f}",
                f"  best single plane ({self.best_plane:>2}) {self.plane_score.psnr:5.1f} dB"
                f"    {self.plane_score.ssim:.3f}",
                f"Depth: off by {error:.2f} planes{physical} on average, by more than one plane in "
                f"{self.depth_score.share_off:.1%} of the pixels.",
            ]
        )


def run_demo(folder: Path | None = None, sample: str | None = None) -> DemoResult:
    """Stack a built-in sample with default settings, write it and score it.

    Parameters
    ----------
    folder : path, optional
        Folder for the files, which is created if it is missing; files of an earlier demonstration
        are replaced. "focusstack-demo" in the working folder by default.
    sample : {"histology", "motorcycle"}, optional
        Name of the sample, the first by default.

    Returns
    -------
    DemoResult
        Files and scores; its text is for a terminal.

    Raises
    ------
    SettingsError
        There is no such sample.
    OutputError
        The folder cannot be created, or a file in it cannot be written.
    """
    built_in = render_sample(SAMPLES[0] if sample is None else sample)
    written_to = _made(FOLDER if folder is None else Path(folder))
    result = focus_stack(ArraySource(built_in.planes, spacing=built_in.spacing))
    files = _write(written_to, built_in, result)
    best, plane_score = best_single_plane(built_in.planes, built_in.image, built_in.transforms)
    return DemoResult(
        sample=built_in,
        result=result,
        **files,
        score=score_image(result.image, built_in.image),
        best_plane=best,
        plane_score=plane_score,
        depth_score=score_depth(result.depth, built_in.depth),
    )


def _made(folder: Path) -> Path:
    """Create a folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(
            f"The folder '{folder}' cannot be made ({problem.strerror}); choose another."
        ) from problem
    return folder


def _write(folder: Path, sample: Sample, result: StackResult) -> dict[str, Path]:
    """Write all files or none; return the path of each by its field of `DemoResult`."""
    paths = {
        "planes": folder / f"{sample.name}-planes.tif",
        "image": folder / f"{sample.name}-stacked.png",
        "depth_index": folder / f"{sample.name}-depth-index.tif",
        "depth_map": folder / f"{sample.name}-depth.png",
    }
    with Outputs() as files:
        files.stack(paths["planes"], sample.planes, sample.spacing)
        files.image(paths["image"], result.image)
        files.image(paths["depth_index"], result.depth_index, Legend(sample.spacing))
        files.image(paths["depth_map"], _in_colours(result.depth, len(sample.planes)))
    return paths


def _in_colours(depth: NDArray[np.float32], planes: int) -> NDArray[np.uint8]:
    """Return depth as (Y, X, 3) uint8: the first plane blue, the last one red."""
    grey = np.rint(np.clip(depth / (planes - 1), 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(grey, cv2.COLORMAP_TURBO)[..., ::-1])
