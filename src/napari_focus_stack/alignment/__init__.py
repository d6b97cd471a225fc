"""Registration of planes: their motion and brightness relative to a reference plane."""
