"""Places of the panels of a figure, in inches."""

from __future__ import annotations

from dataclasses import dataclass

Place = tuple[float, float, float, float]
"""Left, bottom, width and height, in inches."""

WIDTH = 7.2
"""Width of a figure: two columns of a journal, 183 mm."""
_HIGHEST_PANEL, _LOWEST_BAR = 4.2, 0.9
_MARGIN, _GAP, _HEAD, _FOOT = 0.12, 0.28, 0.28, 0.44
_BAR, _BAR_GAP, _BAR_TEXT = 0.12, 0.08, 0.75
_PROFILE, _PROFILE_LEFT, _PROFILE_FOOT, _KEY_LINE = 1.6, 0.65, 0.48, 0.15


@dataclass(frozen=True)
class Layout:
    """Places of the panels of a figure.

    Attributes
    ----------
    size : tuple of float
        Width and height of the figure, in inches.
    image : tuple of float or None
        Panel of the image; None without one.
    heights : tuple of float
        Panel of the height map.
    bar : tuple of float
        Colour bar, beside the height map.
    profile : tuple of float or None
        Panel of the profiles; None without one.
    """

    size: tuple[float, float]
    image: Place | None
    heights: Place
    bar: Place
    profile: Place | None

    @classmethod
    def of(cls, shape: float, *, image: bool, key_rows: int) -> Layout:
        """Return the layout of a figure.

        Parameters
        ----------
        shape : float
            Height of a map divided by its width.
        image : bool
            Whether there is an image beside the height map.
        key_rows : int
            Lines of the key above the panel of profiles; 0 without profiles.

        Returns
        -------
        Layout
            With panels that are as large as the width allows.
        """
        panels = 2 if image else 1
        beside = 2 * _MARGIN + _BAR_GAP + _BAR + _BAR_TEXT + (panels - 1) * _GAP
        across = (WIDTH - beside) / panels if image else 0.6 * WIDTH
        across = min(across, _HIGHEST_PANEL / shape)
        down = across * shape
        bar = max(down, _LOWEST_BAR)
        # the key of profiles needs the whole width
        width = max(beside + panels * across, WIDTH if key_rows else 0.5 * WIDTH)
        key = 0.15 + key_rows * _KEY_LINE
        below = _PROFILE_FOOT + _PROFILE + key if key_rows else 0.0
        bottom = below + _FOOT
        second = _MARGIN + (panels - 1) * (across + _GAP)
        return cls(
            size=(width, bottom + bar + _HEAD),
            image=(_MARGIN, bottom, across, down) if image else None,
            heights=(second, bottom, across, down),
            bar=(second + across + _BAR_GAP, bottom, _BAR, bar),
            profile=(_PROFILE_LEFT, _PROFILE_FOOT, width - _PROFILE_LEFT - 0.2, _PROFILE)
            if key_rows
            else None,
        )

    def share(self, place: Place) -> Place:
        """Return a place as a share of the figure.

        Parameters
        ----------
        place : tuple of float
            Left, bottom, width and height, in inches.

        Returns
        -------
        tuple of float
            The same, 0 to 1.
        """
        left, bottom, width, height = place
        across, down = self.size
        return left / across, bottom / down, width / across, height / down
