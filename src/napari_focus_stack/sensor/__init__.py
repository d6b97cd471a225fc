"""Marks of the sensor, which are no part of the specimen."""
