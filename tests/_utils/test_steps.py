"""Steps that are run to their end."""

from __future__ import annotations

import threading

import pytest

from napari_focus_stack._utils.steps import drain


def test_an_error_of_the_callback_ends_the_steps_at_once():
    """Whoever keeps the error, as IPython does, keeps no thread of the steps alive."""
    ended = threading.Event()

    def steps():
        try:
            yield 1
            yield 2
        finally:
            ended.set()

    def progress(_step):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as kept:
        drain(steps(), progress)
    assert kept.value.__traceback__ is not None
    assert ended.is_set()
