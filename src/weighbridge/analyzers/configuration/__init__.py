"""Configurations that name code to load."""
