"""fickling through our engine: the real library, on bytes made by hand and by real picklers."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path

import pytest

from tests.opinions.subjects import EVIL, PLAIN, UNKNOWN_CALLED, budget, subject
from weighbridge.engine.second_opinion import examine
from weighbridge.formats.kinds import Format
from weighbridge.opinions.fickling_opinion import MAX_OPCODES, FicklingOpinion
from weighbridge.opinions.interface import OpinionResult, Stance

FLOAT = b"cacme.layers\nMagic\n(F1.5\ntR."
PERSID = b"cacme.layers\nMagic\n(Pabc\ntR."
BYTEARRAY8 = b"\x80\x05cacme.layers\nMagic\n\x96" + (3).to_bytes(8, "little") + b"abc\x85R."
NEXT_BUFFER = b"\x80\x05cacme.layers\nMagic\n\x97\x85R."
READONLY_BUFFER = b"\x80\x05cacme.layers\nMagic\n\x97\x98\x85R."


def judged(data: bytes, *, is_suspect: bool = True) -> OpinionResult:
    """As the worker asks it: whatever the library raises becomes a result."""
    return examine(FicklingOpinion(), subject(data, is_suspect=is_suspect), budget()).result


def test_a_system_call_is_an_objection_with_the_decompiled_source_as_evidence() -> None:
    result = judged(EVIL)
    assert result.stance is Stance.OBJECTS
    assert [(one.rule, one.subject) for one in result.objections] == [
        ("OPN001", "from posix import system")
    ]
    assert "system('echo weighbridge-marker')" in result.evidence


def test_an_unknown_class_is_a_minor_objection() -> None:
    assert [one.rule for one in judged(UNKNOWN_CALLED).objections] == ["OPN002"]


def test_its_rating_of_a_benign_logger_closes_no_gate() -> None:
    data = pickle.dumps(logging.getLogger("weighbridge.marker"))
    assert {one.rule for one in judged(data).objections} <= {"OPN001", "OPN002"}


def test_it_is_not_asked_about_what_is_allow_listed() -> None:
    result = judged(PLAIN, is_suspect=False)
    assert result.stance is Stance.SKIPPED
    assert "allow-listed" in result.reason


def test_it_is_not_asked_about_other_formats() -> None:
    result = FicklingOpinion().examine(subject(b"PK\x03\x04", Format.ZIP), budget())
    assert result.stance is Stance.SKIPPED


@pytest.mark.parametrize(
    "data",
    [FLOAT, PERSID, BYTEARRAY8, NEXT_BUFFER, READONLY_BUFFER, EVIL[:-5], b"\x80\x04", b"\xff\xff"],
    ids=["FLOAT", "PERSID", "BYTEARRAY8", "NEXT_BUFFER", "READONLY_BUFFER", "cut", "empty", "noise"],
)
def test_what_it_breaks_on_is_a_failure_that_says_so_and_never_clean(data: bytes) -> None:
    result = judged(data)
    assert result.stance is Stance.FAILED
    assert "fickling" in result.reason


def test_a_pickle_that_it_broke_on_does_not_hide_the_objection_to_another() -> None:
    assert [one.rule for one in judged(FLOAT + EVIL).objections] == ["OPN001"]


def test_too_many_opcodes_are_not_shown_to_it() -> None:
    data = b"\x80\x04cacme.layers\nMagic\n(" + b"K\x01" * MAX_OPCODES + b"t\x85R."
    result = judged(data)
    assert result.stance is Stance.LIMITED
    assert f"{MAX_OPCODES:,} opcodes" in result.reason


def test_nothing_that_a_pickle_names_is_run(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    command = f"touch {witness}".encode()
    assert judged(b"cposix\nsystem\n(S'" + command + b"'\ntR.").stance is Stance.OBJECTS
    assert not witness.exists()


def test_it_is_installed_and_has_a_version() -> None:
    engine = FicklingOpinion()
    assert engine.is_available() is None
    assert (engine.version() or "").startswith("0.1.")
