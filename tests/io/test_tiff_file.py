"""TIFF files are opened without following their pages for ever."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_focus_stack.io.tiff_file import open_first_page, open_pages, open_tiff_file

# 33 planes: more pixels than 2**23 times those of the first page
IMAGES = """<OME UUID="u:a"><Image><Pixels DimensionOrder="XYZCT" SizeX="2" SizeY="2" SizeZ="1"
SizeC="1" SizeT="1"><TiffData IFD="0" PlaneCount="1">{first}</TiffData></Pixels></Image><Image>
<Pixels DimensionOrder="XYZCT" SizeX="1024" SizeY="1024" SizeZ="33" SizeC="1" SizeT="1">{data}
</Pixels></Image></OME>"""

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


def write_images(folder: Path, data: str, first: str = "") -> Path:
    """Write a small image and a stack of large planes, the first of which is there."""
    large, small = np.zeros((1024, 1024), np.uint8), np.zeros((2, 2), np.uint8)
    for name, pages in (("a.tif", (small, large, small)), ("b.tif", (large, small))):
        with tifffile.TiffWriter(folder / name) as tif:
            for k, page in enumerate(pages):
                text = IMAGES.format(data=data, first=first) if (k, name) == (0, "a.tif") else None
                tif.write(page, compression="zlib", metadata=None, description=text)
    return folder / "a.tif"


@pytest.mark.parametrize(
    "data",
    [
        '<TiffData IFD="1" PlaneCount="1"/>',
        '<TiffData IFD="1" PlaneCount="1"><UUID FileName="a.tif">u:a</UUID></TiffData>',
        '<TiffData IFD="1" PlaneCount="1"><UUID FileName="former.tif">u:a</UUID></TiffData>',
        '<TiffData IFD="0" PlaneCount="1"><UUID FileName="b.tif">u:b</UUID></TiffData>',
        '<TiffData IFD="1" PlaneCount="1"/><TiffData FirstZ="1" IFD="9" PlaneCount="1"/>',
        '<TiffData IFD="1" PlaneCount="1"/><TiffData FirstZ="1" IFD="0" PlaneCount="1">'
        '<UUID FileName="missing.tif">u:c</UUID></TiffData>',
    ],
)
def test_planes_are_counted_by_the_pages_that_their_image_names(tmp_path: Path, data: str) -> None:
    with open_tiff_file(write_images(tmp_path, data)) as tif:
        assert [series.shape for series in tif.series] == [(2, 2), (33, 1024, 1024)]


@pytest.mark.parametrize(
    ("data", "first"),
    [
        ("", ""),
        ("<TiffData/>", ""),
        ('<TiffData IFD="1" PlaneCount="1"/><TiffData IFD="0" FirstZ="1" PlaneCount="1"/>', ""),
        ('<TiffData IFD="1" PlaneCount="1"/><TiffData IFD="2" PlaneCount="1"/>', ""),
        ('<TiffData IFD="-1" PlaneCount="1"/>', ""),
        ('<TiffData IFD="1"><UUID FileName="b.tif">u:b</UUID></TiffData>', ""),
        ('<TiffData IFD="-1"><UUID FileName="b.tif">u:b</UUID></TiffData>', ""),
        ('<TiffData IFD="0"><UUID FileName="./b.tif">u:b</UUID></TiffData>', ""),
        ('<TiffData IFD="1"><UUID FileName="A.tif">u:b</UUID></TiffData>', ""),
        (
            '<TiffData IFD="0"><UUID FileName="b.tif">u:b</UUID></TiffData>',
            '<UUID FileName="./a.tif">u:b</UUID>',
        ),
    ],
)
def test_planes_that_their_pages_do_not_bear_out_are_refused(
    tmp_path: Path, data: str, first: str
) -> None:
    file = write_images(tmp_path, data, first)
    with pytest.raises(ValueError, match="more planes than any"), open_tiff_file(file):
        pass


@pytest.mark.parametrize(
    ("name", "order", "message"),
    [("XPixels", "XYZCT", "more planes than any"), ("Pixels", "XYZZZ", "an axis twice")],
)
def test_elements_that_tifffile_takes_for_images_are_counted_as_it_counts_them(
    tmp_path: Path, name: str, order: str, message: str
) -> None:
    sizes = 'SizeX="4" SizeY="4" SizeZ="90000" SizeC="9000" SizeT="1"'
    text = f'<OME><Image><{name} DimensionOrder="{order}" {sizes}></{name}></Image></OME>'
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, np.zeros((4, 4), np.uint8), metadata=None, description=text)
    with pytest.raises(ValueError, match=message), open_tiff_file(file):
        pass
