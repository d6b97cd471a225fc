"""What goes wrong, in words its user can act on."""

from __future__ import annotations


class FocusStackError(Exception):
    """An input or a call that cannot be stacked.

    The message is one sentence that names the file, layer or option at fault and says what to do.
    The command prints it and exits with 2; the widget shows it as one notification.
    """


class SettingsError(FocusStackError, ValueError):
    """A parameter outside its bounds, or parameters that contradict each other."""


class InputError(FocusStackError):
    """Planes that cannot be read or do not belong together."""


class NoImagesError(InputError):
    """A folder without any file of an image's suffix: nothing to do, which is no failure."""


class OutputError(FocusStackError):
    """A file that cannot be written, or that cannot hold what should go into it."""


class Cancelled(Exception):  # noqa: N818 - not an error: the user asked for it
    """The run was stopped by its user."""
