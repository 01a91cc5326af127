"""Tokenizers: texts that a rule, a token or an edited vocabulary puts where the model put none."""
