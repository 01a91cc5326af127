"""What comes off: encodings one after the other, and nothing off what is only words."""

from __future__ import annotations

import base64
import bz2
import codecs
import gzip
import lzma
import marshal
import zlib

import pytest

from weighbridge.formats.scripts.layers import PeelBudget, looks_like_code, peel

_TEXT = "import os\nos.system('echo weighbridge-marker')\n"
_RAW = _TEXT.encode()


def _64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("content", "layers"),
    [
        (_64(_RAW), ("base64",)),
        (_64(_RAW).rstrip("="), ("base64",)),
        ("\n".join(_64(_RAW)[at : at + 16] for at in range(0, 64, 16)), ("base64",)),
        (base64.urlsafe_b64encode(_RAW + b"# \xc3\xbf\xc3\xbe").decode(), ("base64",)),
        (base64.b32encode(_RAW).decode(), ("base32",)),
        (_RAW.hex(), ("hex",)),
        ("".join(f"\\x{byte:02x}" for byte in _RAW), ("escapes",)),
        (zlib.compress(_RAW), ("zlib",)),
        (gzip.compress(_RAW, mtime=0), ("gzip",)),
        (bz2.compress(_RAW), ("bz2",)),
        (lzma.compress(_RAW), ("lzma",)),
        (_TEXT[::-1], ("reversed",)),
        (codecs.encode(_TEXT, "rot13"), ("rot13",)),
        (_64(zlib.compress(_RAW)), ("base64", "zlib")),
        (_64(_64(_RAW).encode()), ("base64", "base64")),
        (_64(zlib.compress(_RAW))[::-1], ("reversed", "base64", "zlib")),
        (_64(gzip.compress(_64(_RAW).encode(), mtime=0)), ("base64", "gzip", "base64")),
        (_64(_TEXT.encode("utf-16-le")), ("base64",)),
    ],
)
def test_each_layer_comes_off_and_is_named(content: str | bytes, layers: tuple[str, ...]) -> None:
    if layers[0] == "reversed" and len(layers) > 1 and not str(content).startswith("="):
        pytest.fail("the case needs padding to be seen as reversed")
    found = list(peel(content))
    assert found[-1].layers == layers
    assert isinstance(found[-1].content, str)
    assert found[-1].content.startswith(_TEXT[:30])


def test_code_objects_and_pickles_are_handed_on_as_bytes() -> None:
    code = marshal.dumps((lambda: None).__code__)
    found = list(peel(_64(zlib.compress(b"\x80\x04\x95" + bytes(32)))))
    assert found[-1].content == b"\x80\x04\x95" + bytes(32)
    assert [one.content for one in peel(_64(code))] == [code]


@pytest.mark.parametrize(
    "content",
    [
        "configurationname",
        "transformers.models.llama.modeling_llama",
        "bert-base-uncased-finetuned",
        "deadbeefdeadbeefdeadbeef",
        "0123456789012345678901234567890123456789",
        "d41d8cd98f00b204e9800998ecf8427e",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "/usr/lib/python3/dist-packages/numpy",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        "abcdefghijklmnopqrstuvwxyz",
        "The quick brown fox jumps over the lazy dog, and so on.",
        "7f3c9a1e-5b2d-4c8f-9e6a-1d0b3c5e7f92",
        "aGVsbG8=",
        "",
        b"",
        bytes(100),
        bytes(range(256)),
        b"x\x9cnot compressed at all",
    ],
)
def test_words_numbers_and_random_bytes_have_no_layer(content: str | bytes) -> None:
    assert list(peel(content)) == []


def test_a_sixth_layer_is_left_and_said() -> None:
    text = _TEXT
    for _ in range(6):
        text = _64(text.encode())
    budget = PeelBudget()
    assert [len(found.layers) for found in peel(text, budget)] == [1, 2, 3, 4, 5]
    assert budget.is_crossed


def test_the_budget_is_shared_and_runs_out() -> None:
    budget = PeelBudget(left=100)
    assert [len(list(peel(_64(_RAW), budget))) for _ in range(4)] == [1, 1, 0, 0]
    assert budget.is_crossed


@pytest.mark.parametrize(
    "text", ["import os", "exec(x)", "print('x')", "curl http://a", "/bin/sh", "echo a"]
)
def test_text_with_a_mark_of_a_program_looks_like_code(text: str) -> None:
    assert looks_like_code(text)


@pytest.mark.parametrize(
    "text", ["important", "a system of rules", "executive", "Linear(in=3, out=4)", "imports"]
)
def test_plain_text_does_not_look_like_code(text: str) -> None:
    assert not looks_like_code(text)
