"""Added tokens in each of their spellings: one text, one id, and how it is matched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.formats.documents.strict_json import Json

SPECIAL_ROLES: Final = (
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
)
_EXTRA_ROLES: Final = (
    "additional_special_tokens",
    "extra_special_tokens",
    "model_specific_special_tokens",
)
_MOST: Final = 200_000


@dataclass(frozen=True, slots=True)
class AddedToken:
    """One token that is matched before the model sees the text.

    Attributes:
        id: None where the spelling has none.
        is_special: dropped from the output by `skip_special_tokens`.
        route: JSON pointer of the token.
    """

    content: str
    id: int | None
    is_special: bool
    route: str


def added_tokens_of_list(value: Json, route: str) -> Iterator[AddedToken]:
    """Yield the tokens of `added_tokens` in tokenizer.json: `[{"id": 0, "content": ...}]`."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return
    for at, item in enumerate(value[:_MOST]):
        token = _token(item, f"{route}/{at}", None, is_special=False)
        if token is not None:
            yield token


def added_tokens_of_decoder(value: Json, route: str) -> Iterator[AddedToken]:
    """Yield the tokens of `added_tokens_decoder` in tokenizer_config.json: `{"0": {"content": ...}}`."""
    if not isinstance(value, Mapping):
        return
    for count, (key, item) in enumerate(value.items()):
        if count == _MOST:
            return
        number = int(key) if key.isascii() and key.isdecimal() and len(key) < 10 else None
        token = _token(item, f"{route}/{key[:20]}", number, is_special=False)
        if token is not None:
            yield token


def added_tokens_of_encoder(tree: Mapping[str, Json]) -> Iterator[AddedToken]:
    """Yield the tokens of added_tokens.json: `{"<token>": 0}`."""
    for count, (content, number) in enumerate(tree.items()):
        if count == _MOST:
            return
        if isinstance(number, int) and not isinstance(number, bool):
            yield AddedToken(content, number, False, f"/{content[:40]}")


def special_tokens_of(tree: Mapping[str, Json], route: str = "") -> Iterator[tuple[str, AddedToken]]:
    """Yield (role, token) of the special tokens that tokenizer_config.json and its like name."""
    for role in SPECIAL_ROLES:
        token = _token(tree.get(role), f"{route}/{role}", None, is_special=True)
        if token is not None:
            yield role, token
    for role in _EXTRA_ROLES:
        value = tree.get(role)
        if isinstance(value, Mapping):
            items: list[tuple[str, Json]] = list(value.items())
        elif isinstance(value, Sequence) and not isinstance(value, str):
            items = [(str(at), item) for at, item in enumerate(value)]
        else:
            continue
        for key, item in items[:_MOST]:
            token = _token(item, f"{route}/{role}/{key[:40]}", None, is_special=True)
            if token is not None:
                yield role, token


def _token(item: Json, route: str, number: int | None, *, is_special: bool) -> AddedToken | None:
    if isinstance(item, str):
        return AddedToken(item, number, is_special, route)
    if not isinstance(item, Mapping):
        return None
    content, own = item.get("content"), item.get("id")
    if not isinstance(content, str):
        return None
    if isinstance(own, int) and not isinstance(own, bool):
        number = own
    return AddedToken(content, number, item.get("special", is_special) is True, route)
