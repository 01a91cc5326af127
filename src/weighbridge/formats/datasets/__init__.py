"""Tables, records, pictures and sound."""
