"""The kinds of `ByteSource`: memory, local file, slice of another, decompressed stream, HTTP range."""
