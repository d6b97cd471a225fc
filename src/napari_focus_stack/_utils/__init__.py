"""Threads, memory, caches, windows and wording for all stages."""
