"""XML fetches nothing and expands nothing."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from napari_focus_stack.io.xml_documents import parse_xml

TYPES = (
    '<!DOCTYPE x [<!ENTITY h "many">]><x>&h;</x>',
    '<!DOCTYPE x SYSTEM "file:///etc/hostname"><x/>',
    '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x">%p;]><x/>',
)


@pytest.mark.parametrize("text", TYPES)
def test_a_document_type_is_refused(text: str) -> None:
    for document in (text, text.encode(), text.encode("utf-16")):
        with pytest.raises(ElementTree.ParseError, match="document type"):
            parse_xml(document)


def test_the_word_alone_is_no_document_type() -> None:
    text = "<x><!-- <!DOCTYPE a> --><![CDATA[<!DOCTYPE b>]]></x>"
    assert parse_xml(text).text == parse_xml(text.encode()).text == "<!DOCTYPE b>"
