"""Profiles as columns of features, and as rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.wording import format_unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.analysis.height_profiles import Profile

    Numbered = Sequence[tuple[int, Profile]]


def profile_columns(profiles: Numbered, count: int) -> dict[str, NDArray[Any]]:
    """Return what the features of a layer say of its profiles.

    Parameters
    ----------
    profiles : sequence of (int, Profile)
        Profiles, each with the number of its shape from 1.
    count : int
        Number of shapes of the layer; those that are no profiles have NaN.

    Returns
    -------
    dict of str to numpy.ndarray
        Columns (count,): length, lowest and highest height that counts, and the share that counts.
    """
    first = profiles[0][1]
    along, up = format_unit(first.distance_unit), format_unit(first.unit)
    names = (f"length ({along})", f"lowest ({up})", f"highest ({up})", "share that counts")
    table = np.full((count, len(names)), np.nan)
    for number, one in profiles:
        if number <= count:
            sure = one.height[one.counted & np.isfinite(one.height)]
            ends = (sure.min(), sure.max()) if len(sure) else (np.nan, np.nan)
            table[number - 1] = (one.length, *ends, one.share)
    return dict(zip(names, table.T, strict=True))


def profile_headings(first: Profile) -> list[str]:
    """Return the headings of the table of profiles.

    Parameters
    ----------
    first : Profile
        One of the profiles, which all have its units.

    Returns
    -------
    list of str
        A heading for each cell of `profile_rows`.
    """
    along, up = format_unit(first.distance_unit), format_unit(first.unit)
    return [
        "profile",
        f"distance ({along})",
        f"height ({up})",
        f"standard uncertainty ({up})",
        "confidence",
        "counts",
        "y (pixels)",
        "x (pixels)",
    ]


def profile_rows(profiles: Numbered) -> Iterator[list[Any]]:
    """Yield the rows of the table of profiles, a row for each sample.

    Parameters
    ----------
    profiles : sequence of (int, Profile)
        Profiles, each with the number of its shape from 1.

    Yields
    ------
    list
        Numbers in the order of `profile_headings`; NaN where something is unknown.
    """
    for number, one in profiles:
        unknown = np.full(len(one.distance), np.nan)
        error = unknown if one.uncertainty is None else one.uncertainty
        sure = unknown if one.confidence is None else one.confidence
        columns = (one.distance, one.height, error, sure, one.counted.astype(int), *one.points.T)
        for cells in zip(*(column.tolist() for column in columns), strict=True):
            yield [number, *cells]
