"""What planes say of their recording, and what to do about it."""
