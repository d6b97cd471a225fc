"""Layers: planes in, results out; no Qt."""
