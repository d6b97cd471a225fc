"""Draw the figures of docs/algorithms.md from the built-in samples.

Run with the `dev` extra installed: ``python docs/make_algorithms.py``. No screen is needed and
nothing is downloaded. The numbers that the page quotes for these samples are printed.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from PIL import Image

from napari_focus_stack import ArraySource, focus_stack
from napari_focus_stack.depth import FocusProbe
from napari_focus_stack.depth.estimation import HALF_TRUSTED
from napari_focus_stack.simulation.metrics import score_confidence, score_depth, score_image
from napari_focus_stack.simulation.samples import Sample, render_sample

mpl.use("agg")

import matplotlib.pyplot as plt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from napari_focus_stack import StackResult
    from napari_focus_stack.depth import FocusCurve

FOLDER = Path(__file__).with_name("algorithms")
COLOURS = 256
"""Colours of a figure: enough for photographs of this size, in half the bytes."""
DPI = 110
MOVED = 4
"""Plane of the histology sample that is shown together with the reference plane."""
SHARP_IN_BOTH = np.s_[190:235, 40:107]
"""Part of the histology sample that is sharp in both planes."""
PIXELS = {"A textured pixel": (265, 305), "Plain floor beside the engine": (295, 240)}
"""Rows and columns of the motorcycle sample whose focus curves are drawn."""
BESIDE_EDGE = np.s_[150:240, 395:530]
"""Part of the motorcycle sample with mudguard and fork in the foreground, a shelf behind them."""
LARGEST_ERROR = 2.0
EXPECTED = np.geomspace(0.04, 2.0, 9)
FEWEST_PIXELS = 400
BLUE, ORANGE, GREY = "#2166ac", "#d95f02", "#777777"


@dataclass(frozen=True)
class Stacked:
    """Sample, and the result of a run on it."""

    sample: Sample
    result: StackResult

    @classmethod
    def of(cls, name: str, **options: Any) -> Stacked:
        """Render a sample and stack it with some options."""
        sample = render_sample(name)
        return cls(sample, focus_stack(sample.planes, **options))

    def summary(self) -> str:
        """Return the scores of the result against the ground truth."""
        image = score_image(self.result.image, self.sample.image)
        depth = score_depth(self.result.depth, self.sample.depth)
        sure = score_confidence(self.result.confidence, self.result.depth, self.sample.depth)
        return (
            f"{self.sample.name}: {image.psnr:.1f} dB, SSIM {image.ssim:.3f}; depth errs by "
            f"{depth.mean_error:.3f} planes; {sure.share:.0%} trusted, {sure.mean_error:.3f}"
        )


def main() -> None:
    """Draw all figures."""
    mpl.rcParams.update({"font.size": 8.5, "axes.titlesize": 9, "axes.titlelocation": "left"})
    FOLDER.mkdir(exist_ok=True)
    relief, scene = Stacked.of("histology"), Stacked.of("motorcycle")
    untouched = Stacked.of("motorcycle", occlusion="off")
    for one in (relief, scene, untouched):
        print(one.summary())
    save(alignment(relief), "alignment")
    save(focus_curves(scene), "focus-curve")
    save(depth_maps(scene), "depth")
    save(calibration([relief, scene]), "confidence")
    save(occlusion(scene, untouched), "occlusion")


def save(figure: Figure, name: str) -> None:
    """Write a figure as PNG with few colours."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=DPI, facecolor="white", metadata={"Software": None})
    plt.close(figure)
    picture = Image.open(drawn).convert("RGB")
    path = FOLDER / f"{name}.png"
    picture.quantize(COLOURS, kmeans=2, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {picture.width} x {picture.height}, {path.stat().st_size // 1000} kB")


def show(axes: Axes, title: str, pixels: NDArray[Any], **options: Any) -> Any:
    """Show pixels without ticks."""
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([])
    return axes.imshow(pixels, interpolation="nearest", **options)


def alignment(stacked: Stacked) -> Figure:
    """Show two planes in one image, as recorded and as aligned, and the error of the alignment."""
    planes, truth = stacked.sample.planes, stacked.sample.transforms
    found, reference = stacked.result.transforms, len(planes) // 2
    assert truth is not None
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.25), width_ratios=(1, 1, 1.15))
    still = planes[reference].mean(-1)
    for one, title, matrix in (
        (axes[0], "As recorded", np.eye(3)),
        (axes[1], "Aligned", found[MOVED]),
    ):
        moving = resampled(planes[MOVED].mean(-1), matrix)
        pair = np.stack([moving, still, still], -1)[SHARP_IN_BOTH]
        show(one, f"{title}: plane {MOVED} red, plane {reference} cyan", contrasted(pair))
    left = [corner_distance(a, b, still.shape) for a, b in zip(found, truth, strict=True)]
    moved = [corner_distance(np.eye(3), b, still.shape) for b in truth]
    numbers = np.arange(len(planes))
    others = numbers != reference
    axes[2].semilogy(numbers[others], np.array(moved)[others], "o-", color=GREY, label="moved")
    axes[2].semilogy(numbers[others], np.array(left)[others], "o-", color=BLUE, label="error left")
    axes[2].set(xlabel="plane", ylabel="pixels", title="Farthest corner of each plane")
    axes[2].legend(frameon=False, loc="center right")
    print(f"alignment: corners err by {np.mean(left):.3f} pixels, {max(left):.3f} at most")
    figure.tight_layout()
    return figure


def resampled(plane: NDArray[Any], matrix: NDArray[np.float64]) -> NDArray[Any]:
    """Resample a plane in the frame of the reference plane."""
    from skimage.transform import ProjectiveTransform, warp

    return np.asarray(warp(plane / 255, ProjectiveTransform(matrix), order=3) * 255)


def contrasted(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """Stretch the contrast of each channel to the full range."""
    low, high = np.percentile(pixels, (1, 99), axis=(0, 1))
    return np.clip((pixels - low) / (high - low), 0, 1)


def corner_distance(
    one: NDArray[np.float64], other: NDArray[np.float64], shape: tuple[int, ...]
) -> float:
    """Return the largest distance between two transforms at the corners of a plane."""
    x, y = np.array([(x, y) for x in (0, shape[1] - 1) for y in (0, shape[0] - 1)]).T
    places = np.stack([x, y, np.ones_like(x)])
    first, second = ((m @ places)[:2] / (m @ places)[2] for m in (one, other))
    return float(np.hypot(*(first - second)).max())


def focus_curves(stacked: Stacked) -> Figure:
    """Draw the focus curves of a pixel with texture and of one without."""
    probe = FocusProbe(ArraySource(stacked.sample.planes), stacked.result)
    figure, axes = plt.subplots(1, 2, figsize=(9, 2.6))
    for one, (name, (y, x)) in zip(axes, PIXELS.items(), strict=True):
        draw_curve(one, probe.curve(y, x), name, float(stacked.sample.depth[y, x]))
    figure.tight_layout()
    return figure


def draw_curve(axes: Axes, curve: FocusCurve, name: str, truth: float) -> None:
    """Draw one focus curve with its peak and the true depth."""
    axes.semilogy(curve.energies, "o-", color=BLUE, label="energy")
    axes.axhline(1, color=GREY, linewidth=0.8, linestyle=":", label="noise alone")
    axes.axvline(truth, color=GREY, linewidth=0.8, label=f"true depth {truth:.2f}")
    if curve.depth is not None:
        axes.axvline(
            curve.depth, color=ORANGE, linestyle="--", label=f"depth found {curve.depth:.2f}"
        )
    axes.set(xlabel="plane", ylabel="energy", title=f"{name}: confidence {curve.confidence:.2f}")
    axes.legend(frameon=False, fontsize=7.5)


def depth_maps(stacked: Stacked) -> Figure:
    """Show true and estimated depth, their difference, and the confidence."""
    truth, result = stacked.sample.depth, stacked.result
    figure, axes = plt.subplots(2, 2, figsize=(7.6, 5.1), layout="constrained")
    planes = {"vmin": 0, "vmax": len(stacked.sample.planes) - 1, "cmap": "viridis"}
    show(axes[0, 0], "True depth (planes)", truth, **planes)
    colours = show(axes[0, 1], "Depth found (planes)", result.depth, **planes)
    figure.colorbar(colours, ax=axes[0, 1], shrink=0.9)
    error = np.abs(result.depth - truth)
    scale = {"vmin": 0, "vmax": LARGEST_ERROR, "cmap": "magma"}
    colours = show(axes[1, 0], "Error (planes)", error, **scale)
    figure.colorbar(colours, ax=axes[1, 0], shrink=0.9)
    colours = show(axes[1, 1], "Confidence", result.confidence, vmin=0, vmax=1, cmap="gray")
    figure.colorbar(colours, ax=axes[1, 1], shrink=0.9)
    return figure


def calibration(stacks: Sequence[Stacked]) -> Figure:
    """Plot the measured error against the error that the confidence predicts."""
    figure, axes = plt.subplots(figsize=(4.6, 3.2), layout="constrained")
    axes.loglog(EXPECTED, EXPECTED, color=GREY, linewidth=0.8, label="as expected")
    for one, colour in zip(stacks, (BLUE, ORANGE), strict=True):
        error = np.abs(one.result.depth - one.sample.depth)
        confidence = np.maximum(one.result.confidence, 1e-6)
        expected = HALF_TRUSTED * np.sqrt(1 / confidence - 1)
        bins = np.digitize(expected, EXPECTED)
        known = [b for b in range(len(EXPECTED) + 1) if (bins == b).sum() >= FEWEST_PIXELS]
        x = [float(expected[bins == b].mean()) for b in known]
        y = [float(error[bins == b].mean()) for b in known]
        axes.loglog(x, y, "o-", color=colour, label=one.sample.name)
    axes.axvline(HALF_TRUSTED, color=GREY, linewidth=0.8, linestyle=":")
    axes.text(HALF_TRUSTED * 1.05, 0.012, "confidence 0.5", color=GREY, fontsize=7.5)
    axes.set(
        xlabel="error expected by the confidence (planes)",
        ylabel="mean error measured (planes)",
        ylim=(0.01, 4),
    )
    axes.legend(frameon=False)
    return figure


def occlusion(restored: Stacked, untouched: Stacked) -> Figure:
    """Show a foreground edge and its background: one plane, fused, restored, ground truth."""
    sample, here = restored.sample, BESIDE_EDGE
    behind = int(np.rint(np.quantile(sample.depth[here], 0.1)))
    pictures = {
        f"Plane {behind}, focused on the background": sample.planes[behind],
        "Fused, occlusion 'off'": untouched.result.image,
        "Fused, occlusion 'auto'": restored.result.image,
        "Truth": sample.image,
    }
    figure, axes = plt.subplots(2, 2, figsize=(7.4, 5.3), layout="constrained")
    for one, (title, picture) in zip(axes.flat, pictures.items(), strict=True):
        show(one, title, picture[here])
    return figure


if __name__ == "__main__":
    main()
