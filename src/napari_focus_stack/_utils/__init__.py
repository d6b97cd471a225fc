"""Threads, memory and what else no stage owns."""
