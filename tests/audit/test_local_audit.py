"""Auditing folders: what is scanned once, what again, and that it is what a scan finds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from samples.build import all_samples

from tests.audit.stores import (
    CLEAN,
    CONFIG,
    EVIL,
    SETTINGS,
    audited,
    found_in,
    query,
    reports_in,
    run_in,
    write,
)
from weighbridge.core.report import Outcome
from weighbridge.engine.scan import scan_target
from weighbridge.reporters.interface import Unreachable


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


def test_an_audit_finds_what_a_scan_of_each_repository_finds(tmp_path: Path, store: Path) -> None:
    names = ("zip/", "skops/", "origin/")
    samples = {name: data for name, data in all_samples() if name.startswith(names)}
    models = write(tmp_path / "models", samples)

    audited(store, models)

    reports = reports_in(store)
    assert len(reports) >= len(names)
    for target, report in reports.items():
        alone = scan_target(target, SETTINGS.scan)
        assert (report.findings, report.licences) == (alone.findings, alone.licences)
        assert [file.name for file in report.files] == [file.name for file in alone.files]
        assert sorted(map(repr, report.coverage)) == sorted(map(repr, alone.coverage))


def test_an_unchanged_folder_is_not_read_again(tmp_path: Path, store: Path) -> None:
    models = write(tmp_path / "models", {"a/config.json": CONFIG, "a/x.pkl": EVIL})
    audited(store, models)
    (models / "a/x.pkl").chmod(0)

    again = audited(store, models)

    assert (again.counters.listed, again.counters.scanned, again.counters.judged) == (2, 0, 0)
    assert ("a", "x.pkl", "PKL002") in found_in(store)


def test_two_copies_are_scanned_once_and_told_of_twice(tmp_path: Path, store: Path) -> None:
    models = write(tmp_path / "models", {"a/x.pkl": EVIL, "b/x.pkl": EVIL, "b/y.pkl": CLEAN})

    done = audited(store, models)

    assert done.counters.scanned == 2
    assert [row for row in found_in(store) if row[2] == "PKL002"] == [
        ("a", "x.pkl", "PKL002"),
        ("b", "x.pkl", "PKL002"),
    ]


def test_a_copy_under_another_name_is_judged_by_that_name(tmp_path: Path, store: Path) -> None:
    models = write(tmp_path / "models", {"a/model.exe": CLEAN, "b/model.json.exe": CLEAN})

    done = audited(store, models)

    assert done.counters.scanned == 2
    rules = {Path(target).name: report.findings for target, report in reports_in(store).items()}
    assert [found.rule for found in rules["a"]] == []
    assert [found.rule for found in rules["b"]] == ["NAM006"]


def test_a_renamed_file_is_looked_at_again(tmp_path: Path, store: Path) -> None:
    models = write(tmp_path / "models", {"a/x.pkl": EVIL, "a/y.pkl": CLEAN})
    audited(store, models)
    (models / "a/x.pkl").rename(models / "a/z.pkl")

    again = audited(store, models)

    assert again.counters.scanned == 1
    assert [row for row in found_in(store) if row[2] == "PKL002"] == [("a", "z.pkl", "PKL002")]


def test_a_changed_file_is_looked_at_again_with_its_repository(tmp_path: Path, store: Path) -> None:
    models = write(tmp_path / "models", {"a/x.pkl": CLEAN, "a/y.pkl": CLEAN, "b/x.pkl": CLEAN})
    audited(store, models)
    assert found_in(store) == []
    write(models, {"a/x.pkl": EVIL})

    again = audited(store, models)

    assert (again.counters.scanned, again.counters.judged) == (1, 1)
    assert ("a", "x.pkl", "PKL002") in found_in(store)


def test_a_vanished_file_is_kept_as_gone_and_not_reported(tmp_path: Path, store: Path) -> None:
    models = write(tmp_path / "models", {"a/x.pkl": EVIL, "a/y.pkl": CLEAN, "b/x.pkl": CLEAN})
    audited(store, models)
    (models / "a/x.pkl").unlink()

    audited(store, models)

    assert found_in(store) == []
    assert query(store, "SELECT name, gone_run FROM location WHERE gone_run IS NOT NULL") == [
        ("a/x.pkl", 2)
    ]


def test_a_file_that_comes_back_is_known(tmp_path: Path, store: Path) -> None:
    models = write(tmp_path / "models", {"a/x.pkl": EVIL, "a/y.pkl": CLEAN})
    audited(store, models)
    (models / "a/x.pkl").unlink()
    audited(store, models)
    write(models, {"a/x.pkl": EVIL})

    again = audited(store, models)

    assert again.counters.scanned == 0
    assert ("a", "x.pkl", "PKL002") in found_in(store)


def test_new_signatures_look_at_everything_again(tmp_path: Path, store: Path) -> None:
    models = write(tmp_path / "models", {"a/x.pkl": EVIL, "a/y.pkl": CLEAN})
    audited(store, models)

    again = audited(store, models, signatures="2099.1")

    assert (again.counters.scanned, again.counters.judged) == (2, 1)
    assert audited(store, models, signatures="2099.1").counters.scanned == 0
    assert len(query(store, "SELECT id FROM scan WHERE kind = 'artifact'")) == 4


def test_a_file_that_can_not_be_read_is_tried_again(tmp_path: Path, store: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads every file")
    models = write(tmp_path / "models", {"a/x.pkl": EVIL, "a/y.pkl": CLEAN})
    (models / "a/x.pkl").chmod(0)
    audited(store, models)
    assert {row.outcome for row in reports_in(store)[str(models / "a")].coverage} >= {Outcome.FAILED}
    (models / "a/x.pkl").chmod(0o600)

    audited(store, models)

    assert ("a", "x.pkl", "PKL002") in found_in(store)


def test_a_source_that_is_not_there_is_a_row_and_the_rest_goes_on(tmp_path: Path, store: Path) -> None:
    models = write(tmp_path / "models", {"a/x.pkl": CLEAN, "a/y.pkl": CLEAN})

    audited(store, tmp_path / "missing", models)

    run = run_in(store)
    unreachable = [one for one in run.results if isinstance(one, Unreachable)]
    assert [one.target for one in unreachable] == [str(tmp_path / "missing")]
    assert "there is no file or folder" in unreachable[0].error
    assert len(run.results) == 2
    assert run.exit_code == 2


def test_a_fail_beats_a_source_that_is_not_there(tmp_path: Path, store: Path) -> None:
    models = write(tmp_path / "models", {"a/x.pkl": EVIL})

    audited(store, tmp_path / "missing", models)

    assert run_in(store).exit_code == 1


def test_a_link_that_leaves_the_source_is_told_of(tmp_path: Path, store: Path) -> None:
    models = write(tmp_path / "models", {"a/x.pkl": CLEAN, "a/y.pkl": CLEAN})
    (models / "a/out").symlink_to("/etc/hostname")

    audited(store, models)

    report = reports_in(store)[str(models / "a")]
    assert [found.rule for found in report.findings] == ["ORG006"]
    assert [row.artifact for row in report.coverage if row.outcome is Outcome.FAILED] == ["out"]


def test_names_that_no_database_takes_come_back_as_they_were(tmp_path: Path, store: Path) -> None:
    models = tmp_path / "models"
    (models / "a").mkdir(parents=True)
    name = os.fsdecode(b"a/\xff\x1bx.pkl")
    (models / name).write_bytes(EVIL)

    audited(store, models)
    again = audited(store, models)

    (report,) = reports_in(store).values()
    assert [file.name for file in report.files] == [name.removeprefix("a/")]
    assert name.removeprefix("a/") in {found.path[0] for found in report.findings}
    assert again.counters.scanned == 0


def test_what_another_store_said_of_a_digest_counts_for_nothing_here(
    tmp_path: Path, store: Path
) -> None:
    """The name of a blob in a cache states a digest: that of clean bytes, over evil ones."""
    import hashlib

    clean = hashlib.sha256(CLEAN).hexdigest()
    cache = f"models--org--name/blobs/{clean}"
    models = write(tmp_path / "models", {"a/x.pkl": CLEAN, cache: EVIL})
    link = models / "models--org--name/snapshots/1/x.pkl"
    link.parent.mkdir(parents=True)
    link.symlink_to(models / cache)

    audited(store, models)

    assert {rule for _, name, rule in found_in(store) if name.endswith("x.pkl")} >= {"PKL002", "ORG008"}
