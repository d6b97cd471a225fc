"""Whether heights of known surfaces are measured as they are, through our own rendering.

    python benchmarks/heights.py [--seeds N] [--blur PIXELS] [sine] [cap] [step] [coverage]

Surfaces are rendered with pictures out of scikit-image's wheel, fused by `focus_stack`, and
measured as users do: pixels and planes are 1 micrometre apart, and only heights of a confidence of
0.5 or more count. Relative errors of Sq are those of the result (`Sq`), of the true depth at the
pixels that count (`pixels`: what the choice of pixels does), and of the result if every height
counts (`all`: what the depth and the measure do). `gain` is the slope of measured over true heights
less 1; `sure` and `unsure` are root mean square errors in planes of heights that count and of the
others, without their mean.

Steps have random heights, tilts, optics and noise on nine textures; errors are in z steps, and
`within u` is the share of the errors that the stated standard uncertainty covers, which is to be
68 %. Coverage is the same for single heights of steps, waves, caps, tilted planes and hills.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from skimage import data

from napari_focus_stack import focus_stack
from napari_focus_stack.analysis import HeightMap, fit_sphere, step_height, texture
from napari_focus_stack.errors import InputError
from napari_focus_stack.simulation.rendering import SensorNoise, render_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PICTURES = ("gravel", "brick", "grass")
GRAIN = 0.06
"""Standard deviation of the fine noise on the pictures, white being 1."""
NOISE = 0.01
"""Standard deviation of the sensor's noise."""
SHAPE = (400, 480)
EDGE = 24
"""Pixels at the border that are not measured."""
WAVELENGTHS = (80.0, 120.0, 180.0, 250.0)
AMPLITUDES = (3.0, 5.0)
RADII = (1200.0, 2000.0, 4000.0)
"""Radii of curvature: the caps rise by 12, 7 and 3.5 planes over 170 pixels."""
CAP = 170.0
UNIT = "micrometer"
LAYERS = 30
"""Layers a plane of the renderer: its default rounds depth by up to a twelfth of a plane, which is
more than a step may err by."""
TEXTURES = ("gravel", "brick", "grass", "camera", "coins", "moon", "page", "immunohistochemistry")
SMALL = (208, 208)
GAP = 12
"""Pixels on both sides of the edge of a step, and at the border, that are not measured."""
FORMS = ("step", "waves", "cap", "tilt", "hills")


@dataclass(frozen=True)
class Scene:
    """Planes of a surface, and its true depth in planes."""

    planes: NDArray[np.uint8]
    depth: Floats


def picture(seed: int, shape: tuple[int, int] = SHAPE) -> NDArray[np.float32]:
    """A part of a picture with fine noise, 0 to 1, another for every seed."""
    random = np.random.default_rng([seed, 1])
    whole = getattr(data, PICTURES[seed % len(PICTURES)])() / np.float32(255)
    y, x = (
        random.integers(0, have - want + 1) for have, want in zip(whole.shape, shape, strict=True)
    )
    part = 0.15 + 0.7 * whole[y : y + shape[0], x : x + shape[1]]
    return np.clip(part + GRAIN * random.normal(size=shape), 0, 1).astype(np.float32)


def rendered(depth: Floats, seed: int, blur: float = 1.0) -> Scene:
    """A surface whose depths are moved to begin two planes into the stack, and end two before."""
    inside = depth - depth.min() + 2
    planes = math.ceil(float(inside.max())) + 3
    noise = SensorNoise(read=NOISE)
    shown = render_stack(
        picture(seed, depth.shape),
        inside,
        planes,
        blur,
        noise=noise,
        seed=seed,
        layers_per_plane=LAYERS,
    )
    return Scene(shown, inside)


def places(shape: tuple[int, int] = SHAPE) -> tuple[Floats, Floats]:
    """Rows and columns, from the middle."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    return y - (shape[0] - 1) / 2, x - (shape[1] - 1) / 2


def sine(wavelength: float, amplitude: float, seed: int = 0, blur: float = 1.0) -> Scene:
    """Waves along a direction that differs between seeds."""
    y, x = places()
    angle = np.random.default_rng([seed, 2]).uniform(0, math.pi)
    phase = 2 * math.pi * (math.cos(angle) * x + math.sin(angle) * y) / wavelength
    return rendered(amplitude * np.sin(phase + seed), seed, blur)


def cap(radius: float, seed: int = 0, blur: float = 1.0, *, hollow: bool = False) -> Scene:
    """A ball or a dimple in a plane, of `CAP` pixels around the middle."""
    away = np.minimum(np.hypot(*places()), CAP)
    height = np.sqrt(radius**2 - away**2)
    return rendered(-height if hollow else height, seed, blur)


def tilt(rise: float, seed: int = 0, blur: float = 1.0) -> Scene:
    """A plane that rises by `rise` planes a pixel, in a direction that differs between seeds."""
    y, x = places()
    angle = np.random.default_rng([seed, 2]).uniform(0, 2 * math.pi)
    return rendered(rise * (math.cos(angle) * x + math.sin(angle) * y), seed, blur)


def step(height: float, seed: int = 0, blur: float = 1.0, rise: float = 0.0) -> Scene:
    """Two levels, the right one higher by `height` planes, on a plane that rises by `rise`."""
    y, x = places()
    return rendered(np.where(x > 0, height, 0.0) + rise * (y + 0.5 * x), seed, blur)


def measured(planes: NDArray[Any]) -> HeightMap:
    """The heights of a fused stack, in micrometres, with pixels of one micrometre."""
    result = focus_stack(planes, align="none", z_step=1.0)
    return dataclasses.replace(HeightMap.of_result(result), pixel_size=(1.0, 1.0), pixel_unit=UNIT)


def true_heights(scene: Scene, like: HeightMap) -> HeightMap:
    """The true heights of a scene, of which the same pixels count as of a result."""
    return dataclasses.replace(like, heights=scene.depth.astype(np.float32))


def inner(shape: tuple[int, int] = SHAPE, edge: int = EDGE) -> NDArray[np.bool_]:
    """All pixels but those at the border."""
    region = np.zeros(shape, bool)
    region[edge:-edge, edge:-edge] = True
    return region


def sq(heights: HeightMap) -> float:
    """Sq of the field without its border, from the mean."""
    return float(texture(heights, inner(), levelling="offset")["Sq"])


def with_all(heights: HeightMap) -> HeightMap:
    """The same heights, all of which count."""
    return dataclasses.replace(heights, confidence=None)


def gain(scene: Scene, heights: HeightMap) -> float:
    """Slope of the measured over the true heights, less 1: contrast of the depth that is lost."""
    counted = heights.counted_in(inner())
    truth, found = scene.depth[counted], heights.heights[counted].astype(np.float64)
    return float(np.cov(truth, found)[0, 1] / np.var(truth, ddof=1) - 1)


def rms_error(scene: Scene, heights: HeightMap, *, sure: bool = True) -> float:
    """Root mean square error of the heights that count, or of the others, without its mean."""
    here = inner() & (heights.counted if sure else ~heights.counted & np.isfinite(heights.heights))
    error = (heights.heights - scene.depth)[here]
    return float(np.std(error)) if error.size else math.nan


def radius_errors(scene: Scene, heights: HeightMap, radius: float) -> tuple[float, float, float]:
    """Errors of the radius, of the result and of its uncertainty, relative; the share."""
    region = np.hypot(*places()) < CAP - EDGE
    fit, exact = (fit_sphere(one, region) for one in (heights, true_heights(scene, heights)))
    assert abs(exact.radius / radius - 1) < 1e-3, exact
    return fit.radius / radius - 1, fit.radius_uncertainty / radius, fit.share


@dataclass(frozen=True)
class RandomScene:
    """Planes of a surface with random optics, and what is known of it."""

    planes: NDArray[np.generic]
    depth: Floats
    height: float
    sides: tuple[NDArray[np.bool_], NDArray[np.bool_]]


def texture_of(seed: int, random: np.random.Generator) -> NDArray[np.float32]:
    """A part of one of nine textures, 0 to 1."""
    if seed % (len(TEXTURES) + 1) == len(TEXTURES):
        noise = cv2.GaussianBlur(random.normal(size=SMALL), (0, 0), 1.0)
        return np.clip(0.5 + 0.2 * noise / noise.std(), 0, 1).astype(np.float32)
    whole = getattr(data, TEXTURES[seed % (len(TEXTURES) + 1)])()
    grey = whole if whole.ndim == 2 else whole[..., 1]
    y, x = (random.integers(0, a - b + 1) for a, b in zip(tiled(grey).shape, SMALL, strict=True))
    return tiled(grey)[y : y + SMALL[0], x : x + SMALL[1]] / np.float32(255)


def tiled(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture, twice along each axis if it is smaller than a scene."""
    return grey if min(grey.shape) >= max(SMALL) else np.tile(grey, (2, 2))


def relief(form: str, span: float, random: np.random.Generator) -> tuple[Floats, float, Floats]:
    """Depths of a form around 0, the height of its step, and the distance from the step's edge."""
    y, x = places(SMALL)
    angle = random.uniform(0, 2 * math.pi)
    along = math.cos(angle) * x + math.sin(angle) * y
    rise = random.uniform(-1, 1, 2) / SMALL[0]
    height = random.uniform(0.5, span)
    if form == "step":
        slope = random.choice([0, 1]) * (rise[0] * y + rise[1] * x)
        return height * (along > 0) + slope, height, along
    if form == "waves":
        depth = height / 2 * np.sin(2 * math.pi * along / random.uniform(60, 250))
    elif form == "cap":
        depth = -height * (x**2 + y**2) / (SMALL[0] ** 2 / 2)
    elif form == "tilt":
        depth = height * along / SMALL[0]
    else:
        hills = cv2.GaussianBlur(random.normal(size=SMALL), (0, 0), random.uniform(12, 40))
        depth = height * hills / np.ptp(hills)
    return depth, 0.0, along


def random_scene(form: str, seed: int) -> RandomScene:
    """A form with a random texture, number of planes, blur and noise."""
    random = np.random.default_rng([seed, FORMS.index(form)])
    image = texture_of(seed, random)
    planes = int(random.integers(10, 19))
    depth, height, along = relief(form, planes - 4.5, random)
    depth += (planes - 1) / 2 - (depth.max() + depth.min()) / 2 + random.uniform(-0.5, 0.5)
    shown = render_stack(
        image,
        depth,
        planes,
        random.uniform(0.6, 1.4),
        noise=SensorNoise(random.choice([0.003, 0.008, 0.015]), 1e-4),
        dtype=random.choice([np.uint8, np.uint16]),
        seed=seed,
        layers_per_plane=LAYERS,
    )
    field = inner(SMALL, GAP)
    return RandomScene(shown, depth, height, (field & (along < -GAP), field & (along > GAP)))


def print_steps(seeds: int, _: float) -> None:
    print("\nSteps: the difference of their fitted levels, in z steps\n")
    print_row("tilt", "sure", "steps", "median", "rms", "< 1/20", "within u", "within 2u", "mean u")
    found = [row for seed in range(1000, 1000 + 40 * seeds) for row in step_errors(seed)]
    for tilt, least in product((True, False), (0.0, 0.5)):
        rows = [(e, u) for e, u, share, tilted in found if tilted == tilt and share >= least]
        error, uncertainty = np.abs(np.array(rows)).T
        print_row(
            "fitted" if tilt else "none",
            f">= {least:.0%}",
            str(len(error)),
            f"{np.median(error):.3f}",
            f"{math.sqrt(np.mean(error**2)):.3f}",
            *(f"{np.mean(a):.1%}" for a in (error < 0.05, error < uncertainty)),
            f"{np.mean(error < 2 * uncertainty):.1%}",
            f"{np.mean(uncertainty):.3f}",
        )


def step_errors(seed: int) -> Iterator[tuple[float, float, float, bool]]:
    """Error, uncertainty, share, and whether a tilt was fitted: always, or to level steps not."""
    scene = random_scene("step", seed)
    heights = measured(scene.planes)
    level = float(np.ptp(scene.depth[scene.sides[0]])) < 1e-6
    for tilt in (True, False) if level else (True,):
        try:
            found = step_height(heights, *scene.sides, tilt=tilt)
        except InputError:  # nothing is sure
            continue
        yield found.value - scene.height, found.uncertainty, found.share, tilt


def print_coverage(seeds: int, _: float) -> None:
    print("\nErrors of single heights that the standard uncertainty covers\n")
    print_row("form", "scenes", "within u", "10 %", "90 %", "within 2u", "rms/plane", "sure")
    for form in FORMS:
        print_coverage_of(form, [covered(form, seed) for seed in range(2000, 2000 + 9 * seeds)])


def print_coverage_of(form: str, found: list[tuple[float, ...]]) -> None:
    rows = np.array([row for row in found if row])
    lowest, highest = np.quantile(rows[:, 0], [0.1, 0.9])
    mean = rows.mean(axis=0)
    print_row(
        form,
        str(len(rows)),
        *(f"{a:.1%}" for a in (mean[0], lowest, highest, mean[1])),
        f"{mean[2]:.3f}",
        f"{mean[3]:.1%}",
    )


def covered(form: str, seed: int) -> tuple[float, ...]:
    """Shares of sure heights within one and two uncertainties, their error, and their share."""
    scene = random_scene(form, seed)
    heights = measured(scene.planes)
    here = heights.counted & inner(SMALL, GAP)
    if np.count_nonzero(here) < 500 or heights.uncertainty is None:
        return ()
    error = np.abs(heights.heights - scene.depth)[here]
    uncertainty = heights.uncertainty[here]
    shares = (float(np.mean(error < k * uncertainty)) for k in (1, 2))
    return (*shares, math.sqrt(np.mean(error**2)), heights.share_in(inner(SMALL, GAP)))


def print_sines(seeds: int, blur: float) -> None:
    print(f"Sq of sines, blur of {blur:g} pixels a plane\n")
    heads = "wavelength amplitude seed Sq pixels all gain sure unsure share"
    print_row(*heads.split())
    for wavelength, amplitude, seed in product(WAVELENGTHS, AMPLITUDES, range(seeds)):
        scene = sine(wavelength, amplitude, seed, blur)
        heights = measured(scene.planes)
        exact = true_heights(scene, heights)
        truth = sq(with_all(exact))
        print_row(
            f"{wavelength:g}",
            f"{amplitude:g}",
            str(seed),
            *(f"{sq(one) / truth - 1:.2%}" for one in (heights, exact, with_all(heights))),
            f"{gain(scene, heights):.2%}",
            *(f"{rms_error(scene, heights, sure=which):.3f}" for which in (True, False)),
            f"{heights.share_in(inner()):.1%}",
        )


def print_caps(seeds: int, blur: float) -> None:
    print(f"\nRadius of caps and its uncertainty, blur of {blur:g} pixels a plane\n")
    print_row("radius", "form", "seed", "error", "u", "sure", "share")
    for radius, hollow, seed in product(RADII, (False, True), range(seeds)):
        scene = cap(radius, seed, blur, hollow=hollow)
        heights = measured(scene.planes)
        error, uncertainty, share = radius_errors(scene, heights, radius)
        print_row(
            f"{radius:g}",
            "hollow" if hollow else "hill",
            str(seed),
            f"{error:.2%}",
            f"{uncertainty:.2%}",
            f"{rms_error(scene, heights):.3f}",
            f"{share:.1%}",
        )


def print_row(*cells: str) -> None:
    print(*(f"{cell:>10s}" for cell in cells), flush=True)


TABLES = {
    "sine": print_sines,
    "cap": print_caps,
    "step": print_steps,
    "coverage": print_coverage,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", help=", ".join(TABLES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--blur", type=float, default=1.0, help="radius a plane out of focus")
    call = parser.parse_args()
    for name in call.tables or TABLES:
        TABLES[name](call.seeds, call.blur)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
