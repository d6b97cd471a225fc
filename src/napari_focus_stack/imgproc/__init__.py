"""Image processing that several stages share."""
