"""A depth map corrected by hand, and the picture that follows from it."""
