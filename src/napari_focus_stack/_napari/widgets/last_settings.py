"""Settings of the last run, with which the form of the stack dock begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_focus_stack._napari.viewer.preferences import preferred_method, remember, remembered

if TYPE_CHECKING:
    from napari_focus_stack._napari.widgets.settings_form import SettingsForm

PREFERRED = "preferred method"
"""Key of the remembered values: the preference at the time of the last run."""


def begin_as_left(form: SettingsForm) -> None:
    """Show the values last used; another method if the preferences have changed since.

    Parameters
    ----------
    form : SettingsForm
        The form.
    """
    last = remembered()
    form.take(last)
    if last.get(PREFERRED) != preferred_method():
        form.parameters["method"].value = preferred_method()


def remember_settings(form: SettingsForm) -> None:
    """Store the values of a run for the next session.

    Parameters
    ----------
    form : SettingsForm
        The form.
    """
    remember({**form.values(), PREFERRED: preferred_method()})
