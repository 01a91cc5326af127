"""The batch audit: what is listed, scanned once, judged, kept, and told."""
