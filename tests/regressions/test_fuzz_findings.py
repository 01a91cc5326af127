"""Cases that fuzzing found: imports that the trace lacked, and analyses that broke."""

from __future__ import annotations

import random

from tests.oracle.client import traced_imports
from tests.oracle.generator import generate
from weighbridge.analyzers.inspection import Context, Fact
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.report import Coverage
from weighbridge.engine.tree import inspect_tree
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.locate import signatures_dir

KNOWLEDGE = CallableKnowledge.load(signatures_dir() / "callables")

WORD = "Ünï".encode()


def test_a_later_pickle_that_only_a_file_reader_gets_through() -> None:
    """Linear readers stop at ADDITEMS without a mark; the file reader lost a byte of the frame."""
    first = b"\x80\x03N."
    frame = b"M\x01\x02q\x01\x94J\xff"
    second = b"\x80\x04}\x95" + len(frame).to_bytes(8, "little") + frame
    second += b"\xff\xff\xff\x90\x8fc" + WORD + b"\na.b\n."

    assert ("Ünï", "a.b") in set(traced_imports(first + second))


def test_a_name_that_is_cut_off_behind_a_frame_that_stop_lies_in() -> None:
    """The next pickle begins behind the frame; pure Python takes the end of the file for a line."""
    data = bytes.fromhex("8004950b000000000000008f9485942e65800555950d") + b"collections."

    assert ("ollections", "") in set(traced_imports(data))


def test_a_thousand_oddities_do_not_hide_a_crossed_frame() -> None:
    """The file reader's import must be seen however many notes come before its frame."""
    noise = b"Nq\x00" + b"0Kaq\x00" * 3000 + b"0"
    frame = b"M\x01\x02q\x01\x94J\xff"
    hidden = b"\x95" + len(frame).to_bytes(8, "little") + frame
    hidden += b"\xff\xff\xff\x90\x8fc" + WORD + b"\na.b\n."

    assert ("Ünï", "a.b") in set(traced_imports(b"\x80\x04" + noise + hidden))


def inspect(data: bytes) -> list[Fact]:
    events: list[Fact] = []
    context = Context(Budget(Limits()), KNOWLEDGE)
    inspect_tree(Artifact(("x.pkl",), MemorySource(data)), context, events.append)
    return events


def test_no_generated_pickle_breaks_an_analyzer() -> None:
    rng = random.Random(7)
    details = [
        event.detail
        for event in (event for _ in range(3000) for event in inspect(generate(rng)))
        if isinstance(event, Coverage)
    ]

    assert len(details) >= 3000
    assert [detail for detail in details if "broke" in detail] == []


def test_evidence_is_read_from_the_reading_that_holds_the_call() -> None:
    """One callable in two pickles, one behind frames: offsets of one mean nothing in the other."""
    call = b"cposix\nsystem\n(S'echo weighbridge-marker'\ntR."
    straddling = b"\x80\x04\x95\x02" + bytes(7) + b"X\x05\0\0\0" + b"abcde0" + call
    findings = [event for event in inspect(straddling + call) if isinstance(event, Finding)]

    shown = [line for finding in findings for line in finding.evidence.splitlines()]
    assert "posix.system('echo weighbridge-marker')" in shown
