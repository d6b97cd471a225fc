"""Depth error of films, stacked time by time and with evidence pooled over neighbouring times.

Specimens of known depth drift by 1.5 and 0.75 pixels and 0.12 planes a frame; photons and read
noise (3 electrons) are those of a sensor. Error and flicker are measured in the specimen's frame,
in planes, away from the edges.

    python benchmarks/film.py [--times 8] [--smooth 3 5] [--only cell-400] [--blur 1.5]
        [--relief hills]
"""

from __future__ import annotations

import argparse

import numpy as np
from skimage import data
from skimage.transform import resize

from napari_focus_stack import focus_series
from napari_focus_stack.simulation.rendering import SensorNoise, render_stack
from napari_focus_stack.simulation.samples import two_hills

SIDE, PLANES, MARGIN = 256, 10, 24
SHIFT, CLIMB = (1.5, 0.75), 0.12
READ_NOISE = 3.0
FILMS = {
    "gravel-2000": ("gravel", 2000),
    "gravel-200": ("gravel", 200),
    "cell-400": ("cell", 400),
    "cell-60": ("cell", 60),
    "retina-400": ("microaneurysms", 400),
    "moon-400": ("moon", 400),
}


def specimen(name):
    """Return an image, 0 to 1, with a margin around the field."""
    side = SIDE + 2 * MARGIN
    picture = getattr(data, name)() / 255.0
    if min(picture.shape) < side:
        picture = np.clip(resize(picture, (side, side), order=3), 0, 1)
    top, left = ((length - side) // 2 for length in picture.shape)
    return picture[top : top + side, left : left + side]


def reliefs(t):
    """Return depth, (Y, X), of every kind of specimen at a time: smooth, rough, and one that rises.

    The bump of "rising" climbs by half a plane a frame over a specimen that stays.
    """
    side = SIDE + 2 * MARGIN
    y, x = np.mgrid[:side, :side]
    bump = np.exp(-((x - side / 2) ** 2 + (y - side / 2) ** 2) / (2 * 30**2))
    waves = np.sin(x * 2 * np.pi / 60) * np.sin(y * 2 * np.pi / 60)
    return {
        "hills": 1.5 + (PLANES - 4) * two_hills(side, side) + CLIMB * t,
        "slant": 1 + 7 * x / side + CLIMB * t,
        "waves": 4 + 2.5 * waves + CLIMB * t,
        "steps": np.where((x // 50 + y // 50) % 2 == 0, 3.0, 6.0) + CLIMB * t,
        "rising": 2.5 + (1 + 0.5 * t) * bump,
    }


def film(name, photons, times, blur, kind):
    """Return planes (T, Z, Y, X) uint16 and depth (T, Y, X)."""
    image = specimen(name)
    frames, depths = [], []
    for t in range(times):
        relief, drift = reliefs(t)[kind], np.eye(3)
        drift[:2, 2] = SHIFT[0] * t, SHIFT[1] * t
        frames.append(
            render_stack(
                image, relief, PLANES, blur, margin=MARGIN,
                transforms=[drift] * PLANES,
                noise=SensorNoise(READ_NOISE / photons, 1 / photons),
                dtype=np.uint16, white=photons * 8, seed=t,
            )
        )
        depths.append(relief)
    return np.stack(frames), np.stack(depths)


def in_specimen(maps):
    """Return maps (T, Y, X) moved back by the drift, without the edges."""
    import cv2

    back = [
        cv2.warpAffine(
            one.astype(np.float32),
            np.array([[1, 0, SHIFT[0] * t], [0, 1, SHIFT[1] * t]]),
            (SIDE, SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
        for t, one in enumerate(maps)
    ]
    edge = 2 * MARGIN // 2
    return np.stack(back)[:, edge:-edge, edge:-edge]


def scores(depth, truth):
    """Return mean error, flicker and share of jumps of over half a plane a frame."""
    inner = truth[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
    inner = inner[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
    error = in_specimen(depth) - inner
    jumps = np.abs(np.diff(error, axis=0)) > 0.5
    return np.abs(error).mean(), error.std(axis=0).mean(), jumps.mean()


def main():
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=8)
    parser.add_argument("--smooth", type=int, nargs="+", default=[3, 5])
    parser.add_argument("--only", nargs="+", default=list(FILMS))
    parser.add_argument("--blur", type=float, default=1.0, help="pixels a plane out of focus")
    parser.add_argument("--relief", choices=list(reliefs(0)), default="hills")
    parser.add_argument("--threads", type=int)
    call = parser.parse_args()
    print(f"{'film':12} {'times pooled':>12} {'error':>7} {'of alone':>9} {'flicker':>8} {'jumps':>6}")
    for name in call.only:
        planes, truth = film(*FILMS[name], call.times, call.blur, call.relief)
        alone = None
        for pooled in (1, *call.smooth):
            found = focus_series(planes, axes="TZYX", smooth_time=pooled, threads=call.threads)
            error, flicker, jumps = scores(found.depth[:, 0], truth)
            alone = error if alone is None else alone
            print(
                f"{name:12} {pooled:12} {error:7.3f} {error / alone:9.2f} {flicker:8.3f} "
                f"{jumps:6.1%}", flush=True,
            )


if __name__ == "__main__":
    main()
