"""Warnings of libraries that concern no user, left out from the first import of the package on.

A change at each call would alter the filters of other threads, too, and make Python forget which
warnings it has shown. Later, at the import of a reader, another thread may hold
`warnings.catch_warnings`, as workers of superqt do, and take the change back as it ends.
"""

from __future__ import annotations

import warnings

# NumPy warns of a value for missing chunks that its type does not hold: these are not finite
warnings.filterwarnings("ignore", "overflow", RuntimeWarning, r"zarr\.core\.dtype")
# zarr warns of codecs that another program may not have; this one reads them
warnings.filterwarnings("ignore", "Numcodecs codecs", UserWarning)
# czifile 2019 warns of missing metadata, of names of segments that do not matter for pixels, and of
# files that are marked as unfinished, which have a note of ours; nd2 warns of missing times
warnings.filterwarnings("ignore", module=r"(czifile|nd2)(\.|$)")
# Pillow warns of damaged tags, which are left out
warnings.filterwarnings("ignore", module=r"PIL\.TiffImagePlugin")
