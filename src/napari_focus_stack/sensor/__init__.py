"""Marks of the sensor, which show no specimen."""
