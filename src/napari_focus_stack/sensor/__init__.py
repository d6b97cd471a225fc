"""Artefacts of the sensor: hot and dead pixels, dust and specks."""
