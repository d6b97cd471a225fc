"""Blur that foreground objects cast over the background, and the restored background."""
