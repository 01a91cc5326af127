"""Tokenizers as files: tokenizer.json, SentencePiece models, tiktoken ranks, vocabularies and merges."""
