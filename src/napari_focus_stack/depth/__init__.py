"""Which plane is in focus at each pixel."""
