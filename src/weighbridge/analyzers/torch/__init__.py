"""The PyTorch family beyond pickles and zips."""
