"""Tables, records, images and sound."""
