"""Compiled Python read as data: marshal, code objects, their instructions, and what they name."""
