"""Readers of series, one module for each kind of file; `series.opening` selects one."""
