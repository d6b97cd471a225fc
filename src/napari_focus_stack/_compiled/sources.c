/* Digest of the sources from which a library was compiled; see `library.py`. */
#include "rows.h"

EXPORTED const char *sources(void) { return SOURCES; }
