"""The steps that read planes, from a stack to its result."""
