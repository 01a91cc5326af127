"""Documents: JSON, text, XML, and those that act when they are opened."""
