"""What all tests share."""

from hypothesis import settings

# a first example that renders a scene, on a machine that others use too, is no defect
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
