"""ClamAV as an engine: what its answers come to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.opinions.fake_clamd import MARKER, SIGNATURE, fake_clamd
from tests.opinions.subjects import budget, subject
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.formats.kinds import Format
from weighbridge.opinions.clamav import MAX_BYTES, ClamavOpinion
from weighbridge.opinions.clamd_client import parse_address
from weighbridge.opinions.interface import Stance, Subject


class Enormous(MemorySource):
    """Claims a size that nobody wants to send; a read of it would be a mistake."""

    def __init__(self) -> None:
        super().__init__(b"")

    @property
    def size(self) -> int:
        return MAX_BYTES + 1

    def read_at(self, offset: int, length: int) -> bytes:
        raise AssertionError("was read")


def test_a_match_is_an_objection_that_names_the_signature(tmp_path: Path) -> None:
    data = b"x" * (3 << 20) + MARKER
    with fake_clamd(tmp_path) as server:
        engine = ClamavOpinion(parse_address(server.address))
        result = engine.examine(subject(data, Format.UNKNOWN), budget())
    assert result.stance is Stance.OBJECTS
    assert [(one.rule, one.subject) for one in result.objections] == [("OPN005", SIGNATURE)]
    assert server.streams == [data]


@pytest.mark.parametrize(
    ("says", "stance", "rules"),
    [
        ("stream: OK", Stance.NO_OBJECTION, []),
        ("stream: Heuristics.Encrypted.Zip FOUND", Stance.OBJECTS, ["OPN006"]),
        ("stream: PUA.Win.Packer.X FOUND", Stance.OBJECTS, ["OPN006"]),
        ("stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND", Stance.LIMITED, []),
        ("INSTREAM size limit exceeded. ERROR", Stance.LIMITED, []),
        ("stream: Can't allocate memory ERROR", Stance.FAILED, []),
    ],
)
def test_what_each_answer_comes_to(tmp_path: Path, says: str, stance: Stance, rules: list[str]) -> None:
    with fake_clamd(tmp_path) as server:
        server.says = says
        result = ClamavOpinion(parse_address(server.address)).examine(subject(b"x"), budget())
    assert (result.stance, [one.rule for one in result.objections]) == (stance, rules)
    assert result.reason or stance in (Stance.OBJECTS, Stance.NO_OBJECTION)


def test_a_file_that_clamav_would_pass_over_is_not_sent_and_not_clean(tmp_path: Path) -> None:
    with fake_clamd(tmp_path) as server:
        asked = Subject(Artifact(("big.bin",), Enormous()), (), True)
        result = ClamavOpinion(parse_address(server.address)).examine(asked, budget())
    assert result.stance is Stance.LIMITED
    assert server.streams == []


def test_it_is_there_with_a_version_or_says_how_to_get_it(tmp_path: Path) -> None:
    with fake_clamd(tmp_path) as server:
        engine = ClamavOpinion(parse_address(server.address))
        assert engine.is_available() is None
        assert engine.version() == "9.9.9/1/Mon Apr  7 08:00:00 2025"
    reason = engine.is_available()
    assert reason is not None
    assert "apt-get install clamav-daemon" in reason
    assert engine.version() is None
