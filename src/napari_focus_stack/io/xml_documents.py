"""XML of files: parsed without entities of its own, which can fill the memory or name files."""

from __future__ import annotations

import contextlib
import re
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

_UNTYPED = re.compile(r"\s*+(?:<\?xml\s[^<>]*+>)?+(?>\s*+<!--.*?-->)*+\s*+<\w", re.DOTALL)
"""Beginning of XML without a document type, where alone entities are declared: to search all of the
10 MB that a large set has takes as long as to read them. No part gives letters back to another."""


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
    if isinstance(document, str) and (_UNTYPED.match(document) or "<!ENTITY" not in document):
        return

    def found(*_: Any) -> None:
        raise ElementTree.ParseError("its XML declares entities")

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = found
    with contextlib.suppress(expat.ExpatError):  # no XML, or only as far as it was looked through
        parser.Parse(document, True)
