"""Place of a file of one plane in the OME set that its description is of."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from napari_focus_stack.io.xml_documents import parse_xml

_SEVERAL = re.compile(r'Size[CT]="(?!1")')
"""Several channels or time points; other descriptions of one image are not parsed for it."""


def ome_place(xml: str, name: str) -> tuple[int, int, int] | None:
    """Return which image, channel and time point of its set a file holds.

    Parameters
    ----------
    xml : str
        OME-XML in the file.
    name : str
        Name of the file.

    Returns
    -------
    tuple of int or None
        Numbers from 0; None if the description is of one stack, or does not name the file.
    """
    if xml.count("Image ID=") < 2 and _SEVERAL.search(xml) is None:
        return None
    try:
        root = parse_xml(xml)
        for number, image in enumerate(root.iterfind("{*}Image")):
            for data in image.iterfind("{*}Pixels/{*}TiffData"):
                uuid = data.find("{*}UUID")
                # a file that was renamed keeps its UUID
                if uuid is not None and (
                    uuid.text == root.get("UUID") or uuid.get("FileName") == name
                ):
                    return number, int(data.get("FirstC", "0")), int(data.get("FirstT", "0"))
    except (ElementTree.ParseError, ValueError):
        return None
    return None
