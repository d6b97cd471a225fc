"""One picture out of many, sharp everywhere."""
