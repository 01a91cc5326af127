"""Analyzers that see all files of a target together: a manifest in, findings out."""
