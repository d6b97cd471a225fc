"""`python -m napari_focus_stack` is the `focusstack` command."""

import sys

from napari_focus_stack.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
