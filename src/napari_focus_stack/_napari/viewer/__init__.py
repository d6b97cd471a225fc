"""What belongs to the window as a whole."""
