"""One file for each thing seen. See `inspection.py` for what an analyzer is."""
