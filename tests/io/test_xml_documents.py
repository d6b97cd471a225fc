"""XML fetches nothing and expands nothing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile

from napari_focus_stack.io.tiff_file import open_tiff_file
from napari_focus_stack.io.xml_documents import parse_xml

if TYPE_CHECKING:
    from pathlib import Path

ENTITIES = (
    '<!DOCTYPE x [<!ENTITY h "many">]><x>&h;</x>',
    '<!DOCTYPE x [<!ENTITY h SYSTEM "file:///etc/hostname">]><x>&h;</x>',
    '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x">%p;]><x/>',
    '<?xml version="1.0"?>\n<!-- <x> --><!DOCTYPE x [<!ENTITY h "<b/>">]><!-- --><x>&h;</x>',
)


@pytest.mark.parametrize("text", ENTITIES)
def test_entities_are_refused(text: str) -> None:
    for document in (text, text.encode(), text.encode("utf-16")):
        with pytest.raises(ElementTree.ParseError, match="declares entities"):
            parse_xml(document)


@pytest.mark.parametrize(
    "text",
    [
        "<x><!-- <!ENTITY a> --><![CDATA[<!ENTITY b>]]></x>",
        '<!DOCTYPE x SYSTEM "file:///none/x.dtd"><x>&lt;!ENTITY b&gt;</x>',
    ],
)
def test_a_document_type_and_the_word_alone_are_harmless(text: str) -> None:
    assert parse_xml(text).text == parse_xml(text.encode()).text == "<!ENTITY b>"


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_document_type_in_another_file_is_not_read(tmp_path: Path, scheme: str) -> None:
    (tmp_path / "x.dtd").write_text('<!ENTITY h "many">')
    text = f'<!DOCTYPE x SYSTEM "{scheme}{tmp_path.as_posix()}/x.dtd"><x>{{}}</x>'
    assert parse_xml(text.format("1")).text == "1"
    with pytest.raises(ElementTree.ParseError, match="undefined entity"):
        parse_xml(text.format("&h;"))


@pytest.mark.parametrize(
    "sizes", ['SizeZ="4000000000"', "SizeZ='4_000_000_000'", 'SizeZ="&#52;000000000"']
)
@pytest.mark.parametrize(
    "pixels",
    [
        '<Pixels SizeX="4" SizeY="4" {}/>',
        '<ome-2:Pixels ID="a>b" SizeX="4" SizeY="4" {}>',
        '<Pixels\nSizeX="4" SizeY="4" {} >',
        '<Pixels SizeX="4" SizeY="4"><TiffData {} /></Pixels>',
    ],
)
def test_planes_that_no_recording_has_are_refused_however_they_are_written(
    tmp_path: Path, pixels: str, sizes: str
) -> None:
    file = tmp_path / "a.tif"
    for declared in (sizes, 'SizeZ="4"'):
        part = pixels.format(declared)
        part = part.replace("TiffData SizeZ", "TiffData PlaneCount")
        text = f"<OME><Image>{part}</Image></OME>"
        tifffile.imwrite(file, np.zeros((4, 4), np.uint8), description=text, metadata=None)
        refusal = pytest.raises(ValueError, match="more planes than any")
        expected = refusal if declared == sizes else contextlib.nullcontext()
        with expected, open_tiff_file(file):
            pass


def test_the_description_of_a_tiff_is_any_text(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    for text in ("<!DOCTYPE plist><plist/>", "no XML: <!DOCTYPE <!ENTITY"):
        tifffile.imwrite(file, np.zeros((4, 4), np.uint8), description=text, metadata=None)
        with open_tiff_file(file) as tif:
            assert tif.pages.first.description == text
    tifffile.imwrite(file, np.zeros((4, 4), np.uint8), description=ENTITIES[0], metadata=None)
    with pytest.raises(ElementTree.ParseError), open_tiff_file(file):
        pass
