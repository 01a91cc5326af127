"""Files of weights: what native readers break on, and what is no weight."""
