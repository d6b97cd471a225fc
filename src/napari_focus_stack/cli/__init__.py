"""The `focusstack` command."""
