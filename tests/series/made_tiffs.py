"""Small TIFFs of several planes and files, each plane of which says where it belongs."""

from __future__ import annotations

import itertools
import json
import struct

import numpy as np
import tifffile

SIDE = 8, 9


def numbered(axes, lengths, dtype=np.uint16):
    """Planes whose pixels are p, t, c, z as decimal digits, in the order of the axes."""
    digits = {"P": 1000, "T": 100, "C": 10, "Z": 1}
    values = np.zeros(lengths, dtype)
    for at, axis in enumerate(axes):
        shape = [1] * len(axes)
        shape[at] = -1
        values = values + (np.arange(lengths[at]) * digits[axis]).reshape(shape)
    return np.broadcast_to(values[..., None, None], (*lengths, *SIDE)).astype(dtype)


def ome_xml(*images, uuid="urn:uuid:own"):
    return (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/'
        f'OME/2016-06" UUID="{uuid}">{"".join(images)}</OME>'
    )


def ome_image(name, sizes, content, attributes="", order="XYZCT"):
    lengths = " ".join(f'Size{axis}="{sizes.get(axis, 1)}"' for axis in "TCZ")
    y, x = SIDE
    return (
        f'<Image ID="Image:0" Name="{name}"><Pixels ID="Pixels:0" DimensionOrder="{order}" '
        f'{lengths} SizeY="{y}" SizeX="{x}" Type="uint16" {attributes}>{content}</Pixels></Image>'
    )


def tiff_data(file=None, uuid="", **places):
    inner = f'<UUID FileName="{file}">{uuid or file}</UUID>' if file else ""
    words = " ".join(f'{key}="{value}"' for key, value in places.items())
    return f"<TiffData {words}>{inner}</TiffData>"


def write_page(file, planes, xml):
    tifffile.imwrite(file, planes, metadata=None, photometric="minisblack")
    tifffile.tiffcomment(file, xml.encode())


def ome_set(folder, lengths, companion=False):
    """Write a set of one file for each plane; all but the first name the file with the XML."""
    places = list(itertools.product(*(range(lengths[axis]) for axis in "TCZ")))
    names = [f"t{t}_c{c}_z{z}.ome.tif" for t, c, z in places]
    data = "".join(
        tiff_data(name, f"urn:uuid:{name}", FirstT=t, FirstC=c, FirstZ=z, IFD=0, PlaneCount=1)
        for name, (t, c, z) in zip(names, places, strict=True)
    )
    holder = "set.companion.ome" if companion else names[0]
    xml = ome_xml(ome_image("set", lengths, data), uuid=f"urn:uuid:{holder}")
    only = f'<BinaryOnly MetadataFile="{holder}" UUID="urn:uuid:{holder}"/>'
    if companion:
        (folder / holder).write_text(xml)
    for k, (t, c, z) in enumerate(places):
        value = np.full(SIDE, 100 * t + 10 * c + z, np.uint16)
        own = xml if k == 0 and not companion else ome_xml(only, uuid=f"urn:uuid:{names[k]}")
        write_page(folder / names[k], value, own)
    return holder, names


def ndtiff(folder, times, channels, planes):
    """Write an NDTiff: pages, their records, and the index of both."""
    folder.mkdir()
    file = folder / "run_NDTiffStack.tif"
    values = numbered("TCZ", (times, len(channels), planes))
    tifffile.imwrite(file, values.reshape(-1, *SIDE), metadata=None, photometric="minisblack")
    with tifffile.TiffFile(file) as tif:
        offsets = [page.dataoffsets[0] for page in tif.pages]
    index, extra = b"", b""
    start = file.stat().st_size
    places = itertools.product(range(times), channels, range(planes))
    for offset, (t, c, z) in zip(offsets, places, strict=True):
        axes = json.dumps({"time": t, "channel": c, "z": z}).encode()
        record = json.dumps(
            {
                "ElapsedTime-ms": 500 * t + 10 * z,
                "ZPosition_um_Intended": 7 - 0.25 * z,
                "XPosition_um_Intended": 3.0,
                "YPosition_um_Intended": 4.0,
            }
        ).encode()
        at = start + len(extra)
        extra += record
        index += struct.pack("<I", len(axes)) + axes
        index += struct.pack("<I", len(file.name)) + file.name.encode()
        index += struct.pack("<8I", offset, SIDE[1], SIDE[0], 1, 0, at, len(record), 0)
    file.write_bytes(file.read_bytes() + extra)
    (folder / "NDTiff.index").write_bytes(index)
    return file
