"""Bring a target here: scan, download, verify, move into place; hold what is here against its lock."""
