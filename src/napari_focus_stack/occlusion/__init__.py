"""Blur that foreground objects cast over the background, and what lies there."""
