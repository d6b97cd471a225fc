"""Items beyond the memory of a cache lie in a temporary file, which may not fit."""

from __future__ import annotations

import errno
import os
import tempfile

import numpy as np
import pytest

from napari_focus_stack._utils.spilled_cache import SpilledCache
from napari_focus_stack.errors import OutputError


def test_items_come_back_from_the_file() -> None:
    cache: SpilledCache[np.ndarray] = SpilledCache(0.0)
    items = [np.full((k + 1, 3), k) for k in range(4)]
    for k, item in enumerate(items):
        cache.put(k, item)
    for k in (2, 0, 3, 1):
        np.testing.assert_array_equal(cache[k], items[k])
    cache.close()


def test_a_full_disk_is_named_and_its_item_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    cache: SpilledCache[np.ndarray] = SpilledCache(0.0)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(OutputError, match="No space left on device") as refused:
        cache.put(0, np.zeros(9))
    assert tempfile.gettempdir() in str(refused.value)
    assert 0 not in cache
    cache.close()
