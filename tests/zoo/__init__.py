"""Models that heavy frameworks write, each group in an environment of its own."""
