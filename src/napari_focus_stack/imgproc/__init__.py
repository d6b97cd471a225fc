"""Image processing that no stage owns."""
