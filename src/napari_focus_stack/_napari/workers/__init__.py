"""Jobs that run beside the window."""
