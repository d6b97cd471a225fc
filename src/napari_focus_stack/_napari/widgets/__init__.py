"""Rows and panels that docks are made of."""
