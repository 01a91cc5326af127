"""Pointers in place of content, and bytes that are not those that the registry promised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from tests.formats.test_lfs_pointer import OID, POINTER
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.provenance import check_origin, inspect_pointer
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact, Origin
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome


def artifact(data: bytes, origin: Origin | None = None) -> Artifact:
    return Artifact(("model.bin",), MemorySource(data), origin)


def inspect(data: bytes) -> list[Event]:
    context = Context.__new__(Context)  # the analyzer takes nothing from it
    return list(inspect_pointer(artifact(data), context))


def rules(events: Iterable[Event]) -> list[str]:
    return [event.rule for event in events if isinstance(event, Finding)]


def stated(size: int | None = 4, verdicts: Mapping[str, str] | None = None) -> Origin:
    return Origin(
        kind="huggingface", location="hf://a/b", size_bytes=size, registry_verdicts=verdicts or {}
    )


def test_a_pointer_is_a_finding_and_its_content_was_not_scanned() -> None:
    events = inspect(POINTER)

    (row,) = [event for event in events if isinstance(event, Coverage)]
    assert rules(events) == ["ORG001"]
    assert row.outcome is Outcome.UNSUPPORTED
    assert "12,345 bytes" in row.detail


def test_the_finding_names_the_hash_that_the_pointer_stands_for() -> None:
    (finding, _) = inspect(POINTER)

    assert isinstance(finding, Finding)
    assert finding.subject == OID
    assert (finding.offset, finding.length) == (0, len(POINTER))


def test_bytes_after_a_pointer_are_a_finding_of_their_own() -> None:
    events = inspect(POINTER + b"echo weighbridge-marker\n")

    assert rules(events) == ["ORG001", "ORG002"]
    assert isinstance(events[1], Finding)
    assert (events[1].offset, events[1].length) == (len(POINTER), 24)


def test_another_size_than_the_registry_states_is_a_finding() -> None:
    (finding,) = check_origin(artifact(b"12345", stated(4)))

    assert finding.rule == "ORG003"
    assert finding.evidence == "the registry states 4 bytes, the file has 5"


@pytest.mark.parametrize(
    "origin", [None, stated(4), stated(None), stated(4, {"status": "safe", "avScan": "unscanned"})]
)
def test_what_matches_is_no_finding(origin: Origin | None) -> None:
    assert list(check_origin(artifact(b"1234", origin))) == []


def test_a_member_of_an_archive_is_not_measured_against_the_file() -> None:
    member = artifact(b"12345", stated(4)).nested("data.pkl", MemorySource(b"1"))

    assert list(check_origin(member)) == []


def test_what_the_registry_calls_unsafe_or_suspicious_is_shown_by_vendor() -> None:
    verdicts = {"status": "unsafe", "avScan": "safe", "pickleImportScan": "unsafe", "other": "caution"}

    unsafe, suspicious = check_origin(artifact(b"1234", stated(4, verdicts)))

    assert (unsafe.rule, unsafe.evidence) == ("ORG004", "Picklescan: unsafe\nhub: unsafe")
    assert (suspicious.rule, suspicious.evidence) == ("ORG005", "other: caution")
