"""Drop-in replacements for `huggingface_hub` downloads that scan before they hand over a path."""
