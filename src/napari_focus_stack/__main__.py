"""`python -m napari_focus_stack` is the `focusstack` command."""

import sys

from napari_focus_stack.cli.interrupts import Interrupts, interrupted


def program() -> int:
    """Run the command as this process.

    Returns
    -------
    int
        Its exit code.
    """
    interrupts = Interrupts()
    try:
        from napari_focus_stack.cli.main import main

        code = main()
        interrupts.end(code)
    except KeyboardInterrupt:  # before its beginning or after its end
        code = interrupted()
        interrupts.end(code)
    return code


if __name__ == "__main__":
    sys.exit(program())
