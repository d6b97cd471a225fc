"""Rows and panels of which docks consist."""
