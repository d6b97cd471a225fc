"""Errors whose text tells the user what to do."""

from __future__ import annotations


class FocusStackError(Exception):
    """An input or a call that cannot be used.

    Its text is one sentence that names the file, layer or option at fault and says what to do. The
    command prints it and exits with 2; the widget shows it as one notification.

    Parameters
    ----------
    message : str
        What is wrong; the whole sentence if there is no `remedy`.
    remedy : str, optional
        What to do, as a clause without a full stop. It is apart from the message where it differs
        between the command and napari.

    Attributes
    ----------
    message, remedy : str, str or None
        As given; `str` joins them.
    """

    def __init__(self, message: str = "", remedy: str | None = None) -> None:
        super().__init__(*((message,) if remedy is None else (message, remedy)))
        self.message, self.remedy = message, remedy

    def __str__(self) -> str:
        """Return the sentence, the remedy after a semicolon."""
        return self.message if self.remedy is None else f"{self.message}; {self.remedy}."


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
