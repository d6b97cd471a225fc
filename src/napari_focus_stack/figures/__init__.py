"""Pictures of results: hillshade, contour lines, views of the relief, films and figures."""
