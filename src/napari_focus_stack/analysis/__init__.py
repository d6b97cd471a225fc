"""What is measured on a result, or carried over from other channels."""
