"""Least-squares polynomials of heights over the whole field.

Legendre polynomials over the box around the pixels that count keep the normal equations well
conditioned; monomials of degree 8 in pixels would leave no digit of float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial import legendre

from napari_focus_stack._utils.threads import row_bands
from napari_focus_stack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

LEAST_PIVOT = 1e-12
"""Smallest eigenvalue of the normal equations, relative to the largest, that determines a
coefficient: rounding leaves some 1e-15."""
REFINEMENTS = 2
"""Fits, each to what the one before left: the second removes the rounding of the first."""


@dataclass(frozen=True, eq=False)
class Polynomial:
    """A polynomial in rows and columns.

    Attributes
    ----------
    coefficients : numpy.ndarray
        (degree + 1, degree + 1) float64: of the products of Legendre polynomials along y and x.
    origin : tuple of float
        Row and column of the middle of the box over which they are orthogonal.
    half : tuple of float
        Half of the box along y and x, in pixels.
    """

    coefficients: NDArray[np.float64]
    origin: tuple[float, float]
    half: tuple[float, float]

    @property
    def gradient(self) -> tuple[float, float]:
        """Rise per pixel along y and x in the middle of the box."""
        terms = np.eye(len(self.coefficients))
        slopes, values = legendre.legval(0.0, legendre.legder(terms)), legendre.legval(0.0, terms)
        along_y = float(slopes @ self.coefficients @ values) / self.half[0]
        along_x = float(values @ self.coefficients @ slopes) / self.half[1]
        return along_y, along_x

    def over(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Return the values of all pixels of a field.

        Parameters
        ----------
        shape : tuple of int
            Rows and columns.

        Returns
        -------
        numpy.ndarray
            (Y, X) float32.
        """
        values = np.empty(shape, np.float32)
        for rows in row_bands(shape):
            values[rows] = self.of_rows(rows, shape[1])
        return values

    def of_rows(self, rows: slice, columns: int) -> NDArray[np.float64]:
        """Return the values of some rows.

        Parameters
        ----------
        rows : slice
            With a start and a stop.
        columns : int
            Number of columns.

        Returns
        -------
        numpy.ndarray
            (rows, X) float64.
        """
        along_y = self._basis(np.arange(rows.start, rows.stop), 0)
        along_x = self._basis(np.arange(columns), 1)
        return np.asarray(along_y @ self.coefficients @ along_x.T, np.float64)

    def _basis(self, positions: NDArray[Any], axis: int) -> NDArray[np.float64]:
        unit = (positions - self.origin[axis]) / self.half[axis]
        return np.asarray(legendre.legvander(unit, len(self.coefficients) - 1), np.float64)


def fit_polynomial(heights: NDArray[Any], inside: NDArray[np.bool_], degree: int) -> Polynomial:
    """Fit a polynomial of a total degree to the heights that count.

    Parameters
    ----------
    heights : numpy.ndarray
        (Y, X).
    inside : numpy.ndarray
        (Y, X) bool: the heights that count, at least one.
    degree : int
        Total degree, 0 for the mean.

    Returns
    -------
    Polynomial
        The least-squares fit.

    Raises
    ------
    InputError
        The heights that count do not determine it.
    """
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    ends = ((rows[0], rows[-1]), (columns[0], columns[-1]))
    down, across = (((a + b) / 2, max((b - a) / 2, 0.5)) for a, b in ends)
    side = degree + 1
    fit = Polynomial(np.zeros((side, side)), (down[0], across[0]), (down[1], across[1]))
    terms = np.flatnonzero(np.add.outer(np.arange(side), np.arange(side)).ravel() <= degree)
    inverse = _inverse(_normal_matrix(fit, inside)[np.ix_(terms, terms)], degree)
    for _ in range(REFINEMENTS):
        found = np.zeros(side * side)
        found[terms] = inverse @ _projections(fit, heights, inside).ravel()[terms]
        fit = Polynomial(fit.coefficients + found.reshape(side, side), fit.origin, fit.half)
    return fit


def _normal_matrix(fit: Polynomial, inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the sums of the products of all pairs of terms over the pixels that count."""
    side = len(fit.coefficients)
    along_x = _pairs(fit._basis(np.arange(inside.shape[1]), 1))
    total = np.zeros((side * side, side * side))
    for rows in row_bands(inside.shape):
        along_y = _pairs(fit._basis(np.arange(rows.start, rows.stop), 0))
        total += along_y.T @ (inside[rows].astype(np.float64) @ along_x)
    by_pair = total.reshape(side, side, side, side)  # y of both terms, x of both
    return by_pair.transpose(0, 2, 1, 3).reshape(side * side, side * side)


def _pairs(basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the products of all pairs of columns, (n, columns^2)."""
    return (basis[:, :, None] * basis[:, None, :]).reshape(len(basis), -1)


def _projections(
    fit: Polynomial, heights: NDArray[Any], inside: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the sums of what a fit leaves of the heights, times each term."""
    along_x = fit._basis(np.arange(inside.shape[1]), 1)
    total = np.zeros_like(fit.coefficients)
    for rows, left in residuals(fit, heights, inside):
        total += fit._basis(np.arange(rows.start, rows.stop), 0).T @ (left @ along_x)
    return total


def residuals(
    fit: Polynomial, heights: NDArray[Any], inside: NDArray[np.bool_]
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Yield what a fit leaves of the heights, by bands of rows.

    Parameters
    ----------
    fit : Polynomial
        Fit to subtract.
    heights : numpy.ndarray
        (Y, X).
    inside : numpy.ndarray
        (Y, X) bool: the heights that count.

    Yields
    ------
    rows : slice
        Rows of the band.
    left : numpy.ndarray
        (rows, X) float64, 0 where nothing counts.
    """
    for rows in row_bands(inside.shape):
        values = fit.of_rows(rows, inside.shape[1])
        yield rows, np.where(inside[rows], heights[rows] - values, 0.0)


def _inverse(matrix: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
    """Return the inverse of the normal equations."""
    values, vectors = np.linalg.eigh(matrix)
    if values[0] < LEAST_PIVOT * values[-1]:
        raise InputError(
            f"The heights that count are too few or too close to a line for a form of degree "
            f"{degree}; choose a larger region, a lower degree or least confidence, or subtract "
            "the mean."
        )
    return np.asarray((vectors / values) @ vectors.T, np.float64)
