from napari_focus_stack.series.readers.nikon_nd2 import open_nd2
from napari_focus_stack.series.readers.leica_lif import open_lif
from napari_focus_stack.series.readers.zeiss_czi import open_czi
def open_microscope_file(p):
    return {'.nd2':open_nd2,'.lif':open_lif,'.czi':open_czi}[p.suffix](p)
