"""Notebooks: their cells as programs, their outputs as pages."""
