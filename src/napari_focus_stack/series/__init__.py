"""Series of stacks: channels, time points and positions of one experiment."""
