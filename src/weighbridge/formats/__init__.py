"""Pure, total, bounded parsers: bytes in, a typed structure out or `Malformed`. They know no rule."""
