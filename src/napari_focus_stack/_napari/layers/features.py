"""Tables of features of layers, to which measurements are added."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

LABEL = "index"
"""Column by which napari finds the row of a label; without it, row k is that of label k."""


def with_columns(features: pd.DataFrame, measured: Mapping[str, Any]) -> pd.DataFrame:
    """Add measurements to the features of the same rows.

    Parameters
    ----------
    features : pandas.DataFrame
        Features of the user, which are kept.
    measured : mapping of str to array-like
        Columns to add; one whose name is taken gets a number.

    Returns
    -------
    pandas.DataFrame
        The features, then the measurements.
    """
    return features.assign(**{_free_name(name, features): measured[name] for name in measured})


def label_features(
    features: pd.DataFrame, tables: Sequence[Mapping[str, NDArray[Any]]]
) -> pd.DataFrame:
    """Add measurements of labels to their features.

    Parameters
    ----------
    features : pandas.DataFrame
        Features of a labels layer, which are kept.
    tables : sequence of mapping
        Columns by name, of which "label" says which label a row is of.

    Returns
    -------
    pandas.DataFrame
        A row for each label that has a feature or a measurement.
    """
    named = features.rename_axis(LABEL).reset_index() if LABEL not in features else features
    frames = [pd.DataFrame(table).rename(columns={"label": LABEL}) for table in tables]
    measured = reduce(lambda one, other: one.merge(other, on=LABEL, how="outer"), frames)
    rows = pd.Index(named[LABEL]).union(measured[LABEL])
    own = named.drop_duplicates(LABEL).set_index(LABEL).reindex(rows)
    columns = dict(measured.set_index(LABEL).items())
    return with_columns(own, columns).rename_axis(LABEL).reset_index()


def _free_name(name: str, features: pd.DataFrame) -> str:
    number, free = 2, name
    while free in features:
        number, free = number + 1, f"{name} {number}"
    return free
