"""Notifications of napari whose text is shown as it is, names of files included."""

from __future__ import annotations

from napari.utils import notifications

NO_TAG = "\N{ZERO WIDTH SPACE}"


def plain(text: str) -> str:
    """Return a text that Qt shows as it is, even if it looks like rich text.

    Labels of napari's notifications, and tooltips, take the name of a file with "<b>" or "<img>"
    in it for rich text. Behind a space without width nothing is a tag any more.

    Parameters
    ----------
    text : str
        Plain text, such as a sentence with the name of a file.

    Returns
    -------
    str
        The text, which looks the same.
    """
    return text.replace("<", f"<{NO_TAG}").replace("&lt;", f"&{NO_TAG}lt;")


def show_info(text: str) -> None:
    """Notify of what was done.

    Parameters
    ----------
    text : str
        Plain text.
    """
    notifications.show_info(plain(text))


def show_warning(text: str) -> None:
    """Notify of what was left out, or of a choice that is needed.

    Parameters
    ----------
    text : str
        Plain text.
    """
    notifications.show_warning(plain(text))


def show_error(text: str) -> None:
    """Notify of what failed, and what to do.

    Parameters
    ----------
    text : str
        Plain text.
    """
    notifications.show_error(plain(text))
