"""Audit stores of artifacts, again and again: inventory, store, runner, report."""
