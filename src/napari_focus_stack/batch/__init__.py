"""Batches: every stack below a folder, on one machine or a cluster, and what is done of it."""
