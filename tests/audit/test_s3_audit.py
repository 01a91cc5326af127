"""Auditing a bucket: what it costs the first time, the second, and after a change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audit.stores import CLEAN, CONFIG, EVIL, audited, found_in, query, run_in
from tests.servers.moto import CREDENTIALS, put, request, running_moto
from weighbridge.reporters.interface import Unreachable

MODELS = 30
FILES = 10 * MODELS


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_moto(tmp_path_factory.mktemp("moto")) as endpoint:
        yield endpoint


@pytest.fixture(autouse=True)
def _user(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": moto}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


def objects() -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for model in range(MODELS):
        found[f"org/m{model:02}/config.json"] = CONFIG
        for number in range(9):
            body = EVIL if (model, number) == (7, 3) else CLEAN
            found[f"org/m{model:02}/{number}.pkl"] = body + b"%d" % model
    return found


def test_each_object_is_asked_for_once_and_the_second_audit_lists_only(moto: str, store: Path) -> None:
    put(moto, "once", objects())

    first = audited(store, "s3://once/org")
    second = audited(store, "s3://once/org")

    assert (first.counters.scanned, first.counters.judged) == (FILES, MODELS)
    assert first.counters.requests == FILES + 1
    assert (second.counters.listed, second.counters.scanned, second.counters.judged) == (FILES, 0, 0)
    assert second.counters.requests == 1
    assert [row for row in found_in(store) if row[2] == "PKL002"] == [("m07", "3.pkl", "PKL002")]


def test_a_bucket_that_is_listed_in_two_pages_costs_two_requests_again(moto: str, store: Path) -> None:
    put(moto, "pages", {f"m/{number:04}.txt": b"nothing" for number in range(1001)})

    audited(store, "s3://pages")
    second = audited(store, "s3://pages")

    assert second.counters.requests == 2
    assert second.counters.scanned == 0


def test_a_changed_object_is_read_again_and_a_vanished_one_is_gone(moto: str, store: Path) -> None:
    put(moto, "changes", {"m/x.pkl": CLEAN, "m/y.pkl": CLEAN, "n/x.pkl": CLEAN, "n/y.pkl": CLEAN})
    audited(store, "s3://changes")
    put(moto, "changes", {"m/x.pkl": EVIL})
    request(moto, "DELETE", "/changes/n/y.pkl")

    again = audited(store, "s3://changes")

    assert (again.counters.scanned, again.counters.judged) == (1, 2)
    assert ("m", "x.pkl", "PKL002") in found_in(store)
    assert query(store, "SELECT name FROM location WHERE gone_run IS NOT NULL") == [("n/y.pkl",)]


def test_a_bucket_that_is_not_there_is_said_and_the_others_are_audited(moto: str, store: Path) -> None:
    put(moto, "there", {"m/x.pkl": CLEAN, "m/y.pkl": CLEAN})

    audited(store, "s3://not-there/models", "s3://there")

    run = run_in(store)
    (missing,) = [one for one in run.results if isinstance(one, Unreachable)]
    assert missing.target == "s3://not-there/models"
    assert missing.error
    assert len(run.results) == 2
    assert run.exit_code == 2
