"""Containers: what no honest writer makes, and every member for a closer look."""
