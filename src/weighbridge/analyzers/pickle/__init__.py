"""Pickles: what they import, call and set, and the code that they carry."""
