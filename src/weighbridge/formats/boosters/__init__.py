"""Boosted trees as JSON, UBJSON, text and binary."""
