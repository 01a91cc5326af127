"""Samples of identity and provenance: look-alike names, and words about the origin that do not fit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

_CONFIG = b'{"model_type": "gptj"}\n'
_APACHE = b"                  Apache License\n             Version 2.0, January 2004\n"
_COMMIT = "0123456789abcdef0123456789abcdef01234567"


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield (relative file name, bytes)."""
    yield "identity/EleuterAI/gpt-j-6B/config.json", _CONFIG
    yield "identity/EleutherAI/gpt-j-6b/config.twin.json", _CONFIG
    yield "identity/someone/gpt-j-6b-GGUF/config.twin.json", _CONFIG
    yield "identity/models--rnicrosoft--phi-2/snapshots/1/config.json", _CONFIG
    yield "identity/adapter/adapter_config.json", _adapter("EleuterAI/gpt-j-6B")
    yield "identity/adapter.twin/adapter_config.json", _adapter("EleutherAI/gpt-j-6B")
    yield "identity/card/README.md", _card("base_model: mistraiai/Mistral-7B-v0.1")
    yield "identity/card.twin/README.md", _card("base_model: mistralai/Mistral-7B-v0.1")
    yield "identity/two-bases/adapter_config.json", _adapter("someone/llama")
    yield "identity/two-bases/README.md", _card("base_model: meta-llama/Llama-2-7b-hf")
    yield "identity/licences/README.md", _card("license: mit")
    yield "identity/licences/LICENSE", _APACHE
    yield "identity/licences.twin/README.md", _card("license: apache-2.0")
    yield "identity/licences.twin/LICENSE", _APACHE
    yield from _fetched("fetched.twin", _CONFIG)
    yield from _fetched("fetched-and-changed", b'{"model_type": "llama"}\n')
    yield f"identity/models--acme--tiny/blobs/{hashlib.sha256(_CONFIG).hexdigest()}", _CONFIG + b"\n"
    yield f"identity/models--acme--tiny.twin/blobs/{hashlib.sha256(_CONFIG).hexdigest()}", _CONFIG


def _adapter(base: str) -> bytes:
    return json.dumps({"peft_type": "LORA", "base_model_name_or_path": base, "r": 8}).encode()


def _card(line: str) -> bytes:
    return f"---\n{line}\n---\n# A model\n".encode()


def _fetched(folder: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """A file, and what the hub's client noted when it fetched it."""
    etag = hashlib.sha1(b"blob %d\0" % len(_CONFIG) + _CONFIG).hexdigest()
    note = f"{_COMMIT}\n{etag}\n1760000000.0\n".encode()
    yield f"identity/{folder}/config.json", content
    yield f"identity/{folder}/.cache/huggingface/download/config.json.metadata", note
