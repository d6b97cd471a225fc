"""How planes lie over each other: motion and brightness."""
