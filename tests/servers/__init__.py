"""Servers that somebody else wrote, started on loopback: `programs.py` finds and starts them."""
