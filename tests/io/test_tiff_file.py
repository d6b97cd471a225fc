"""TIFF files are opened without following their pages for ever."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_focus_stack.io.tiff_file import open_first_page, open_pages, open_tiff_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("back_to", range(3))
@pytest.mark.parametrize("is_big", [False, True])
def test_a_loop_of_pages_is_refused_where_more_than_the_first_may_be_read(
    tmp_path: Path, back_to: int, *, is_big: bool
) -> None:
    file = tmp_path / "a.tif"
    planes = np.zeros((3, 20, 20), np.uint8)
    tifffile.imwrite(file, planes, bigtiff=is_big, metadata=None, photometric="minisblack")
    with open_tiff_file(file) as tif:
        assert len(tif.pages) == 3
        layout, offsets = tif.tiff, [page.offset for page in tif.pages]
    data = bytearray(file.read_bytes())
    (tags,) = struct.unpack_from(layout.tagnoformat, data, offsets[-1])
    end = offsets[-1] + layout.tagnosize + tags * layout.tagsize
    struct.pack_into(layout.offsetformat, data, end, offsets[back_to])
    file.write_bytes(data)
    for opened in (open_tiff_file, open_pages):
        with pytest.raises(ValueError, match="form a loop"), opened(file):
            pass
    with open_first_page(file) as page:
        assert page.shape == (20, 20)
