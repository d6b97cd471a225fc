"""Parts that belong to the viewer as a whole: docks, colour bars, preferences and results."""
