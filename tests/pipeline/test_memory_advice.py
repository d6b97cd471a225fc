"""What is free changes a sentence before the run, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from napari_focus_stack import Settings
from napari_focus_stack.io.sources import ArraySource
from napari_focus_stack.pipeline import memory_advice
from napari_focus_stack.pipeline.memory_advice import advise_on_memory


@pytest.mark.parametrize(
    ("free", "memory", "said"),
    [
        (10**12, None, False),
        (None, None, False),
        (10**9, None, True),
        (10**9, 9 * 10**8, False),
        (10**8, 9 * 10**8, True),
    ],
)
def test_too_little_free_memory_is_said_with_what_to_do(free, memory, said, monkeypatch) -> None:
    monkeypatch.setattr(memory_advice, "free_memory", lambda: free)
    source = ArraySource([np.broadcast_to(np.uint8(0), (6000, 8000))] * 5)
    advice = advise_on_memory(source, Settings(memory=memory), set_by="--memory")
    assert (advice is not None) is said
    if advice is not None:
        assert "are free" in advice
        assert "give less memory (--memory)" in advice
