"""Accuracy of every method: stacks of known truth are rendered, stacked by defaults, and scored."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from napari_focus_stack._version import __version__
from napari_focus_stack.depth.confidence import TRUSTED
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.pipeline.stack import focus_stack
from napari_focus_stack.settings import METHODS
from napari_focus_stack.simulation.metrics import (
    best_single_plane,
    score_confidence,
    score_depth,
    score_image,
)
from napari_focus_stack.simulation.rendering import SensorNoise
from napari_focus_stack.simulation.scenes import (
    SCENES,
    VARIANTS,
    Camera,
    GroundTruthStack,
    render_ground_truth,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_focus_stack.settings import FusionMethod
    from napari_focus_stack.simulation.optics import Optics

SENSOR = Camera(SensorNoise(read=0.015, shot=1 / 5000))
"""A small camera at a high gain: noise of 4 grey levels in 255, and slightly more in bright
parts."""
MOST_RENDERED = 200
MOST_BLUR = 128.0
"""Radius in pixels, half the image's height: such a blur leaves only the mean of all detail."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Scenes, variants and methods that are measured against the truth.

    Attributes
    ----------
    scenes : sequence of str
        Some of `SCENES`; all by default.
    variants : sequence of str
        Some of `VARIANTS`; all by default.
    methods : sequence of str
        Some of `METHODS`; all by default.
    optics : Optics or None
        Microscope that determines the blur of the stacks; each scene has its own blur by default.
    planes : int or None
        Number of planes; each scene has its own by default.
    camera : Camera
        Noise and bits of the sensor.

    Raises
    ------
    SettingsError
        A name is unknown, or a number is out of bounds.
    """

    scenes: Sequence[str] = tuple(SCENES)
    variants: Sequence[str] = VARIANTS
    methods: Sequence[FusionMethod] = METHODS
    optics: Optics | None = None
    planes: int | None = None
    camera: Camera = SENSOR

    def __post_init__(self) -> None:
        """Check names, number of planes and blur."""
        for option, names, choices in (
            ("--scene", self.scenes, tuple(SCENES)),
            ("--variant", self.variants, VARIANTS),
            ("--method", self.methods, METHODS),
        ):
            for name in names:
                if name not in choices:
                    raise SettingsError(
                        f"{option} '{name}' is unknown; choose from {', '.join(choices)}."
                    )
        if self.planes is not None and not 3 <= self.planes <= MOST_RENDERED:
            raise SettingsError(f"--planes {self.planes} must be from 3 to {MOST_RENDERED}.")
        for scene in self.scenes:
            planes, blur = self._recording(scene)
            if blur * (planes - 1) > MOST_BLUR:
                raise SettingsError(
                    f"Blur grows by {blur:.2f} px per plane, over {planes} planes to more than the "
                    f"{MOST_BLUR:g} px that are rendered; give a smaller --z-step or --planes."
                )

    def rows(self, tell: Callable[[str], None] = lambda _: None) -> Iterator[Row]:
        """Render, stack and score.

        Parameters
        ----------
        tell : callable
            Called with a sentence before each part of the work.

        Yields
        ------
        Row
            Scores of one method on one stack: for each stack the best single plane, then every
            method.
        """
        for scene in self.scenes:
            for variant in self.variants:
                tell(f"Rendering {scene}, {variant}")
                truth = self._render(scene, variant)
                yield self._single_plane(scene, variant, truth)
                for method in self.methods:
                    tell(f"Stacking {scene}, {variant}: {method}")
                    yield self._stacked(scene, variant, method, truth)

    def _render(self, scene: str, variant: str) -> GroundTruthStack:
        """Render a variant of a scene by the optics of the bench."""
        sharp = 0.0 if self.optics is None else self.optics.blur_in_focus
        return render_ground_truth(scene, variant, *self._recording(scene), self.camera, sharp)

    def _recording(self, scene: str) -> tuple[int, float]:
        """Return the number of planes and the blur per plane."""
        built_in = SCENES[scene]
        blur = built_in.blur if self.optics is None else self.optics.blur_per_plane
        return self.planes or built_in.planes, blur

    def _single_plane(self, scene: str, variant: str, truth: GroundTruthStack) -> Row:
        """Score the best single plane."""
        plane, score = best_single_plane(
            truth.planes, truth.image, truth.transforms, white=self.camera.white
        )
        return Row(scene, variant, f"plane {plane}", _finite(score.psnr), score.ssim)

    def _stacked(
        self, scene: str, variant: str, method: FusionMethod, truth: GroundTruthStack
    ) -> Row:
        """Score the result of a method."""
        result = focus_stack(truth.planes, method=method)
        image = score_image(result.image, truth.image, white=self.camera.white)
        depth = score_depth(result.depth, truth.depth)
        trusted = score_confidence(result.confidence, result.depth, truth.depth, least=TRUSTED)
        step = None if self.optics is None else self.optics.z_step
        return Row(
            scene,
            variant,
            method,
            _finite(image.psnr),
            image.ssim,
            depth.mean_error,
            None if step is None else depth.mean_error * step,
            depth.share_off,
            trusted.share,
            _finite(trusted.mean_error),
        )

    def as_dict(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return a plain dictionary for JSON.

        ``psnr`` is None where image and truth are equal, and depth scores are None where there is
        no depth.

        Parameters
        ----------
        rows : sequence of Row
            Rows of `Bench.rows`.

        Returns
        -------
        dict
            Optics, camera, number of planes, and every row.
        """
        optics = self.optics
        return {
            "version": __version__,
            "optics": None
            if optics is None
            else asdict(optics)
            | {
                "blur_per_plane": optics.blur_per_plane,
                "blur_in_focus": optics.blur_in_focus,
                "resolution": optics.resolution,
                "depth_of_field": optics.depth_of_field,
            },
            "camera": asdict(self.camera),
            "planes": {scene: self._recording(scene)[0] for scene in self.scenes},
            "rows": [asdict(row) for row in rows],
        }


@dataclass(frozen=True)
class Row:
    """Scores of one method on one stack; a single plane has no depth.

    Attributes
    ----------
    scene : str
        Name of the scene.
    variant : str
        Name of its variant.
    method : str
        Method, or "plane 5" where the best single plane is number 5.
    psnr : float or None
        Peak signal-to-noise ratio in dB; None if equal to the truth.
    ssim : float
        Structural similarity.
    depth_error, depth_error_um : float or None
        Mean absolute error, in planes and in micrometres.
    share_off : float or None
        Share of pixels off by more than one plane.
    trusted, trusted_error : float or None
        Share of pixels with a confidence of 0.5 or more, and their mean error in planes.
    """

    scene: str
    variant: str
    method: str
    psnr: float | None
    ssim: float
    depth_error: float | None = None
    depth_error_um: float | None = None
    share_off: float | None = None
    trusted: float | None = None
    trusted_error: float | None = None

    def __str__(self) -> str:
        """Return the line of the table."""
        psnr = "equal" if self.psnr is None else f"{self.psnr:.2f}"
        names = f"{self.scene:<17} {self.variant:<7} {self.method:<10} {psnr:>6} {self.ssim:7.4f}"
        if self.depth_error is None:
            return names
        micrometres = "-" if self.depth_error_um is None else f"{self.depth_error_um:.3f}"
        trusted_error = "-" if self.trusted_error is None else f"{self.trusted_error:.3f}"
        return (
            f"{names} {self.depth_error:8.3f} {micrometres:>8} {self.share_off:6.1%} "
            f"{self.trusted:8.1%} {trusted_error:>8}"
        )


HEADER = (
    f"{'':<17} {'':<7} {'':<10} {'PSNR':>6} {'':>7} {'depth error':^17} {'off':>6} "
    f"{'confidence >= 0.5':^17}\n"
    f"{'scene':<17} {'variant':<7} {'method':<10} {'dB':>6} {'SSIM':>7} {'planes':>8} {'um':>8} "
    f"{'by > 1':>6} {'share':>8} {'error':>8}"
)


def camera(read_noise: float | None, photons: float | None, bits: int) -> Camera:
    """Create a camera from the options of the command.

    Parameters
    ----------
    read_noise : float or None
        Standard deviation, in electrons; None for 0.
    photons : float or None
        Number of electrons at white; None, together with `read_noise`, for the noise of `SENSOR`.
    bits : int
        8 to 16.

    Returns
    -------
    Camera
        Noise and bits.

    Raises
    ------
    SettingsError
        A number is out of bounds, or read noise is given without `photons`.
    """
    if not 8 <= bits <= 16:
        raise SettingsError(f"--bits {bits} must be from 8 to 16.")
    if photons is None:
        if read_noise is not None:
            raise SettingsError(
                "--read-noise counts electrons; give --photons, those at white, as well."
            )
        return Camera(SENSOR.noise, bits)
    if not 0 < photons < math.inf:
        raise SettingsError("--photons must be a number above 0.")
    read = 0.0 if read_noise is None else read_noise
    if not 0 <= read < math.inf:
        raise SettingsError("--read-noise must be 0 or more.")
    return Camera(SensorNoise(read=read / photons, shot=1 / photons), bits)


def _finite(value: float) -> float | None:
    """Return a number, or None if it is infinite or NaN."""
    return value if math.isfinite(value) else None
