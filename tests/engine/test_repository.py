"""A target as a whole: what a judge sees, what it costs, and what its failure costs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.repository import HubFile
from tests.hub.server import Hub, running_hub
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.repository import judges
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import ByteSource, Origin
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.report import REPOSITORY, Coverage, Outcome
from weighbridge.core.repository import WHOLE, Repository, RepositoryFile
from weighbridge.engine.repository import judge_repository
from weighbridge.engine.scan import ScanSettings, scan_target
from weighbridge.errors import ReadError
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.locate import signatures_dir

CONTEXT = Context(Budget(Limits()), CallableKnowledge.load(signatures_dir() / "callables"))


def repository(files: dict[str, bytes]) -> Repository:
    def source_of(name: str) -> ByteSource:
        if files[name] == b"unreadable":
            raise ReadError("the disk is gone")
        return MemorySource(files[name])

    listed = {name: RepositoryFile(name=name, size_bytes=len(data)) for name, data in files.items()}
    origin = Origin(kind="local", location="/models")
    return Repository(target="models", origin=origin, files=listed, source_of=source_of)


def view(files: dict[str, bytes]) -> RepositoryView:
    return RepositoryView(repository(files))


def judged(monkeypatch: pytest.MonkeyPatch, *found: judges.RepositoryJudge) -> list[Event]:
    named = [(f"judge number {number}", judge) for number, judge in enumerate(found)]
    monkeypatch.setattr("weighbridge.engine.repository.repository_judges", lambda: iter(named))
    events: list[Event] = []
    judge_repository(repository({"a.json": b"{}"}), CONTEXT, events.append)
    return events


def _finds(view: RepositoryView, context: Context) -> Iterator[Event]:
    yield Finding(rule="PKL001", path=(WHOLE,), subject="whole", evidence=view.target)


def _breaks(view: RepositoryView, context: Context) -> Iterator[Event]:
    yield Finding(rule="PKL001", path=("a.json",), subject="first", evidence="seen before the end")
    raise RuntimeError("a bug")


def test_every_judge_of_the_list_is_there() -> None:
    assert [name for name, _ in judges.repository_judges()] == list(judges.JUDGES)


def test_a_judge_that_breaks_keeps_what_it_found_and_costs_no_other_judge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events = judged(monkeypatch, _breaks, _finds)
    assert [event.subject for event in events if isinstance(event, Finding)] == ["first", "whole"]
    rows = [event for event in events if isinstance(event, Coverage)]
    assert [(row.path, row.format, row.outcome) for row in rows] == [
        ((WHOLE,), REPOSITORY, Outcome.FAILED)
    ]
    assert "judge number 0" in rows[0].detail


def _reads_the_base(view: RepositoryView, context: Context) -> Iterator[Event]:
    assert view.base is not None
    view.base.tree("tokenizer.json")
    yield from ()


def test_a_base_that_can_not_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    judges_of_one = [("reads the base", _reads_the_base)]
    monkeypatch.setattr("weighbridge.engine.repository.repository_judges", lambda: iter(judges_of_one))
    base = repository({"tokenizer.json": b"unreadable"})
    events: list[object] = []
    judge_repository(dataclasses.replace(repository({"a": b""}), base=base), CONTEXT, events.append)
    rows = [event for event in events if isinstance(event, Coverage)]
    assert [(row.outcome, row.format) for row in rows] == [(Outcome.FAILED, REPOSITORY)]
    assert "tokenizer.json" in rows[0].detail
    assert "the disk is gone" in rows[0].detail


def test_a_view_groups_the_files_by_folder() -> None:
    seen = view({"b/c.txt": b"", "b/a.txt": b"", "x.txt": b""})
    assert dict(seen.folders) == {"": ("x.txt",), "b": ("b/a.txt", "b/c.txt")}


@pytest.mark.parametrize(
    ("name", "other", "found"),
    [
        ("b/config.json", "model.py", "b/model.py"),
        ("b/config.json", "./model.py", "b/model.py"),
        ("b/config.json", "../top.py", "top.py"),
        ("b/config.json", "../../top.py", None),
        ("b/config.json", "/top.py", None),
        ("b/config.json", "absent.py", None),
    ],
)
def test_a_name_leads_to_a_file_of_the_manifest_or_nowhere(
    name: str, other: str, found: str | None
) -> None:
    seen = view({"b/config.json": b"", "b/model.py": b"", "top.py": b""})
    assert seen.beside(name, other) == found


def test_what_can_not_be_read_or_parsed_is_nothing() -> None:
    seen = view({"broken.json": b"{", "gone.json": b"unreadable", "list.json": b"[1]"})
    assert [seen.tree(name) for name in ("broken.json", "gone.json", "absent.json")] == [None] * 3
    assert seen.text("gone.json") is None
    assert seen.tree("list.json") == [1]
    assert seen.mapping("list.json") is None


def test_a_text_above_its_limit_is_nothing() -> None:
    assert view({"a.txt": b"12345"}).text("a.txt", limit=4) is None


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
        yield running


def _small_files(folder: Path, count: int) -> dict[str, HubFile]:
    files = {}
    for number in range(count):
        path = folder / f"{number}.json"
        path.write_text(json.dumps({"model_type": "bert", "number": number}))
        files[f"part-{number % 10}/{path.name}"] = HubFile(disk=path)
    return files


def test_five_hundred_small_files_cost_one_listing_and_one_read_each(hub: Hub, tmp_path: Path) -> None:
    files = _small_files(tmp_path, 500)
    hub.add("acme/many", files)

    report = scan_target("hf://acme/many", ScanSettings(jobs=2))

    assert report.is_complete
    assert len({row.path[0] for row in report.coverage}) == 500
    # The hub sends whoever asks for a small file on to its cache: the second request of one read.
    reads = [request.path for request in hub.seen("/resolve/")]
    sent_on = [request.path for request in hub.seen("/api/resolve-cache/")]
    assert len(reads) == len(set(reads)) == 500
    assert len(sent_on) == len(set(sent_on)) == 500
    assert len(hub.requests) - len(reads) - len(sent_on) <= 3


def test_small_files_are_fetched_side_by_side_and_never_more_than_sixteen(
    hub: Hub, tmp_path: Path
) -> None:
    hub.latency_s = 0.01
    hub.add("acme/many", _small_files(tmp_path, 100))
    scan_target("hf://acme/many", ScanSettings(jobs=1))
    assert 4 <= hub.most_at_once <= 16
