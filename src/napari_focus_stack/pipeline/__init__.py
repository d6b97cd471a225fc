"""Steps that read planes, from a stack to its result."""
