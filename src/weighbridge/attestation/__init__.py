"""Signed statements about scans, in the form of in-toto."""
