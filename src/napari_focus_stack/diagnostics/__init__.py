"""Quality of a recording, measured on its planes, and advice on how to improve it."""
