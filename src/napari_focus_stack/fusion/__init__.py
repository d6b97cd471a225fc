"""Fusion of a stack into one image that is sharp everywhere."""
