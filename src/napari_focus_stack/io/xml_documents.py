"""XML of files: parsed without document types, whose entities can fill the memory or name files."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat


def parse_xml(document: str | bytes) -> ElementTree.Element:
    """Parse XML that declares no document type, as no format that is read here does.

    Parameters
    ----------
    document : str or bytes
        The whole document.

    Returns
    -------
    xml.etree.ElementTree.Element
        Its root.

    Raises
    ------
    xml.etree.ElementTree.ParseError
        It is not well-formed, or declares a document type.
    """
    refuse_document_type(document)
    return ElementTree.fromstring(document)


def refuse_document_type(document: str | bytes) -> None:
    """Refuse a document type before anything of it is expanded or fetched.

    Parameters
    ----------
    document : str or bytes
        The whole document; text without the word is not parsed for it.

    Raises
    ------
    xml.etree.ElementTree.ParseError
        The document declares a type.
    """
    if isinstance(document, str) and "<!DOCTYPE" not in document:
        return

    def found(*_: Any) -> None:
        raise ElementTree.ParseError("its XML declares a document type")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = found
    try:
        parser.Parse(document, True)
    except expat.ExpatError as problem:
        raise ElementTree.ParseError(str(problem)) from problem
