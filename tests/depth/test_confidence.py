"""Confidence of a depth stays between 0 and 1 wherever it comes from."""

import numpy as np

from napari_focus_stack.depth.confidence import expected_error, within_neighbours


def test_confidence_beside_nothing_is_never_negative() -> None:
    """Running sums leave what rounds off: -3e-17 where all is 0, which would mean no error."""
    chance = np.random.default_rng(0)
    confidence = (10 ** chance.uniform(-20, 0, (40, 40))).astype(np.float32)
    confidence[12:] = 0
    limited = within_neighbours(confidence)
    assert (limited >= 0).all()
    assert (limited <= confidence).all()
    assert np.isinf(expected_error(limited[12:])).all()
