"""XML of files: parsed without entities of its own, which can fill the memory or name files."""

from __future__ import annotations

import contextlib
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat


def parse_xml(document: str | bytes) -> ElementTree.Element:
    """Parse XML that declares no entities, as no format that is read here does.

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
        It is not well-formed, or declares entities.
    """
    refuse_entities(document)
    return ElementTree.fromstring(document)


def refuse_entities(document: str | bytes) -> None:
    """Refuse declarations of entities before anything of them is expanded or fetched.

    Parameters
    ----------
    document : str or bytes
        XML, or any other text.

    Raises
    ------
    xml.etree.ElementTree.ParseError
        It is XML that declares an entity.
    """
    if isinstance(document, str) and "<!ENTITY" not in document:
        return

    def found(*_: Any) -> None:
        raise ElementTree.ParseError("its XML declares entities")

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = found
    with contextlib.suppress(expat.ExpatError):  # no XML, or only as far as it was looked through
        parser.Parse(document, True)
