"""OCI registries and Ollama's store: artifacts, images and model packages, blob by blob."""
