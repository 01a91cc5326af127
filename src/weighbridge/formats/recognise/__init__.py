"""One module for each family of formats: which of them the bytes are."""
