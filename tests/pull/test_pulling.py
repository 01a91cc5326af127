"""A target is in place as a whole and judged as a whole, or not at all."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.hub.server import Hub
from tests.pull.repositories import (
    CONFIG,
    PAYLOAD,
    PLAIN,
    clean,
    contents,
    publish,
    publish_again,
    safetensors,
)
from weighbridge.api import pull
from weighbridge.bytesource.http_settings import HttpSettings
from weighbridge.core.finding import Severity
from weighbridge.core.report import Verdict
from weighbridge.engine.scan import ScanSettings
from weighbridge.errors import (
    DestinationError,
    GateClosed,
    TargetNotFound,
    TargetUnavailable,
)
from weighbridge.fetchers.interface import FetchSettings
from weighbridge.knowledge.signatures import Signatures
from weighbridge.policy import Policy
from weighbridge.pull.folder import FolderDestination
from weighbridge.pull.lock import read_lock
from weighbridge.pull.pulling import PullRequest
from weighbridge.pull.pulling import pull as run
from weighbridge.pull.quarantine import cannot_write, quarantine_for

SETTINGS = ScanSettings(jobs=1)
IMPATIENT = ScanSettings(
    jobs=1, fetch=FetchSettings(http=HttpSettings(attempts=1, deadline_s=5, inactivity_s=2))
)


def leftovers(folder: Path) -> list[str]:
    """What lies in a folder, quarantines included."""
    return sorted(os.listdir(folder))


class TestWhatPasses:
    """Files, lock and nothing else."""

    def test_the_folder_holds_the_files_and_the_lock(self, hub: Hub, tmp_path: Path) -> None:
        repository = publish(hub, tmp_path / "hub", "acme/model", clean())

        pulled = pull("hf://acme/model", tmp_path / "out" / "model", settings=SETTINGS)

        assert contents(pulled.folder) == clean()
        assert leftovers(tmp_path / "out") == ["model"]
        lock = read_lock(tmp_path / "out" / "model" / "weighbridge.lock")
        assert lock.origin.revision == repository.commit
        assert [file.name for file in lock.files] == sorted(clean())
        assert {file.verdict for file in lock.files} == {Verdict.PASS}

    def test_it_costs_the_files_once_and_a_block_of_each_before(self, hub: Hub, tmp_path: Path) -> None:
        publish(hub, tmp_path / "hub", "acme/model", {"m.safetensors": safetensors(3_000_000)})

        pulled = pull("hf://acme/model", tmp_path / "out", settings=SETTINGS)

        size = pulled.lock.size_bytes
        assert pulled.received_bytes == size
        assert size + 60_000 < hub.sent_bytes < size + 70_000
        assert len(hub.requests) == 10

    def test_an_empty_folder_is_filled(self, hub: Hub, tmp_path: Path) -> None:
        publish(hub, tmp_path / "hub", "acme/model", clean())
        (tmp_path / "out").mkdir()

        pull("hf://acme/model", tmp_path / "out", settings=SETTINGS)

        assert contents(tmp_path / "out") == clean()

    def test_a_selection_is_scanned_and_named(self, hub: Hub, tmp_path: Path) -> None:
        publish(hub, tmp_path / "hub", "acme/model", {**clean(), "evil.pkl": PAYLOAD})

        pulled = pull("hf://acme/model", tmp_path / "out", exclude=["*.pkl"], settings=SETTINGS)

        assert contents(tmp_path / "out") == clean()
        assert pulled.left_out == pulled.lock.left_out == ("evil.pkl",)
        assert hub.seen("evil.pkl") == []

    def test_a_selection_of_nothing_is_a_mistake(self, hub: Hub, tmp_path: Path) -> None:
        publish(hub, tmp_path / "hub", "acme/model", clean())

        with pytest.raises(TargetNotFound, match="no file that is asked for"):
            pull("hf://acme/model", tmp_path / "out", include=["*.gguf"], settings=SETTINGS)

    def test_a_local_folder_is_a_source_too(self, tmp_path: Path) -> None:
        (tmp_path / "from").mkdir()
        (tmp_path / "from" / "plain.pkl").write_bytes(PLAIN)

        pulled = pull(str(tmp_path / "from"), tmp_path / "out", settings=SETTINGS)

        assert contents(pulled.folder) == {"plain.pkl": PLAIN}

    def test_a_signed_address_is_pulled_and_its_secret_is_not_locked(
        self, hub: Hub, tmp_path: Path
    ) -> None:
        content = safetensors(600_000)
        oid = (
            publish(hub, tmp_path / "hub", "acme/model", {"m.safetensors": content})
            .files["m.safetensors"]
            .oid
        )

        pulled = pull(
            f"{hub.storage}/{oid}?Signature=0&Expires=3600", tmp_path / "out", settings=SETTINGS
        )

        assert contents(pulled.folder) == {oid: content}
        assert "3600" not in (tmp_path / "out" / "weighbridge.lock").read_text()


class TestWhatDoesNotPass:
    """Nothing is in place, and the report says why."""

    def test_a_payload_is_never_downloaded(self, hub: Hub, tmp_path: Path) -> None:
        files = {"model.safetensors": safetensors(5_000_000), "evil.pkl": PAYLOAD}
        publish(hub, tmp_path / "hub", "acme/evil", files)

        with pytest.raises(GateClosed, match="Nothing was downloaded") as closed:
            pull("hf://acme/evil", tmp_path / "dest" / "out", settings=SETTINGS)

        assert closed.value.exit_code == 1
        assert closed.value.decision is not None
        assert "PKL002" in [judged.finding.rule for judged in closed.value.decision.active]
        assert not (tmp_path / "dest").exists()
        assert hub.sent_bytes < 100_000

    def test_what_can_not_be_read_is_not_pulled_unless_allowed(self, hub: Hub, tmp_path: Path) -> None:
        publish(hub, tmp_path / "hub", "acme/cut", {"cut.pkl": PLAIN[:-4]})

        with pytest.raises(GateClosed) as closed:
            pull("hf://acme/cut", tmp_path / "out", settings=SETTINGS)
        allowed = pull(
            "hf://acme/cut",
            tmp_path / "out",
            policy=Policy(allow_incomplete=True),
            settings=SETTINGS,
        )

        assert closed.value.exit_code == 3
        assert allowed.lock.verdict is allowed.lock.files[0].verdict is Verdict.INCOMPLETE

    def test_other_bytes_than_stated_are_deleted(self, hub: Hub, tmp_path: Path) -> None:
        repository = publish(hub, tmp_path / "hub", "acme/model", clean())
        disk = repository.files["model.safetensors"].disk
        disk.with_name(f"{disk.name}.lie").write_text("ab" * 32)

        with pytest.raises(GateClosed, match="not those that were promised") as closed:
            pull("hf://acme/model", tmp_path / "dest" / "out", settings=SETTINGS)

        assert closed.value.report is not None
        found = [one for one in closed.value.report.findings if one.rule == "ORG008"]
        assert found[0].path == ("model.safetensors",)
        assert leftovers(tmp_path / "dest") == []

    def test_not_even_a_policy_that_ignores_digests_lets_them_pass(
        self, hub: Hub, tmp_path: Path
    ) -> None:
        repository = publish(hub, tmp_path / "hub", "acme/model", clean())
        disk = repository.files["model.safetensors"].disk
        disk.with_name(f"{disk.name}.lie").write_text("ab" * 32)
        lenient = Policy(severities={"ORG008": Severity.INFO})

        with pytest.raises(GateClosed) as closed:
            pull("hf://acme/model", tmp_path / "out", policy=lenient, settings=SETTINGS)

        assert closed.value.exit_code == 1

    def test_a_git_object_is_checked_where_no_sha256_is_stated(self, hub: Hub, tmp_path: Path) -> None:
        repository = publish(hub, tmp_path / "hub", "acme/model", clean())
        repository.files["config.json"].listed_object = "12" * 20

        with pytest.raises(GateClosed) as closed:
            pull("hf://acme/model", tmp_path / "out", settings=SETTINGS)

        assert closed.value.exit_code == 1

    def test_a_server_with_other_bytes_for_scanners_is_caught(self, hub: Hub, tmp_path: Path) -> None:
        """The scan reads one file by range; then the content is exchanged for the download."""
        files = {"model.safetensors": safetensors(3_000_000)}
        disk = publish(hub, tmp_path / "hub", "acme/model", files).files["model.safetensors"].disk
        served = disk.read_bytes().replace(b'{"w"', b'{"v"', 1)
        disk.with_name(f"{disk.name}.lie").write_text(hashlib.sha256(served).hexdigest())

        def exchange(done: int, known: int, name: str) -> None:
            disk.write_bytes(served)

        settings = ScanSettings(jobs=1, progress=exchange)

        with pytest.raises(GateClosed, match="not those that were promised") as closed:
            pull("hf://acme/model", tmp_path / "out", settings=settings)

        assert closed.value.report is not None
        subjects = [one.subject for one in closed.value.report.findings if one.rule == "ORG008"]
        assert set(subjects) == {"ranges"}

    def test_a_hostile_name_stops_before_the_download(self, hub: Hub, tmp_path: Path) -> None:
        publish(hub, tmp_path / "hub", "acme/model", {**clean(), "aux.json": CONFIG})

        with pytest.raises(GateClosed, match="reserved for a device"):
            pull("hf://acme/model", tmp_path / "dest" / "out", settings=SETTINGS)

        assert not (tmp_path / "dest").exists()


class TestDestinations:
    """Folders that can't take it say so, in words, before anything is asked of the network."""

    def test_a_folder_with_something_in_it_is_left_alone(self, hub: Hub, tmp_path: Path) -> None:
        (tmp_path / "mine.txt").write_text("mine")

        with pytest.raises(DestinationError, match="is not empty"):
            pull("hf://acme/model", tmp_path, settings=SETTINGS)

        assert (leftovers(tmp_path), hub.requests) == (["mine.txt"], [])

    def test_a_second_pull_into_the_same_place_is_refused(self, hub: Hub, tmp_path: Path) -> None:
        publish(hub, tmp_path / "hub", "acme/model", clean())
        place = quarantine_for(tmp_path / "out")
        place.mkdir(mode=0o700)
        handle = os.open(place, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)

        with pytest.raises(DestinationError, match="another pull is at work"):
            pull("hf://acme/model", tmp_path / "out", settings=SETTINGS)

        os.close(handle)
        assert pull("hf://acme/model", tmp_path / "out", settings=SETTINGS).lock.files != ()

    def test_a_quarantine_that_others_can_write_is_not_used(self, hub: Hub, tmp_path: Path) -> None:
        publish(hub, tmp_path / "hub", "acme/model", clean())
        quarantine_for(tmp_path / "out").mkdir()
        quarantine_for(tmp_path / "out").chmod(0o777)

        with pytest.raises(DestinationError, match="others may write to it"):
            pull("hf://acme/model", tmp_path / "out", settings=SETTINGS)

    def test_a_disk_that_is_too_small_is_named_before_the_download(
        self, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish(hub, tmp_path / "hub", "acme/model", clean())
        real = os.statvfs(tmp_path)
        monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((*real[:4], 1, *real[5:])))

        with pytest.raises(DestinationError, match="bytes are to come"):
            pull("hf://acme/model", tmp_path / "out", settings=SETTINGS)

    def test_a_disk_that_fills_up_keeps_what_has_arrived(
        self, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish(hub, tmp_path / "hub", "acme/model", clean())

        real = os.fsync

        def full(handle: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(DestinationError, match="no space left"):
            pull("hf://acme/model", tmp_path / "out", settings=SETTINGS)
        monkeypatch.setattr(os, "fsync", real)
        assert quarantine_for(tmp_path / "out").is_dir()

        again = pull("hf://acme/model", tmp_path / "out", settings=SETTINGS)

        assert again.received_bytes < again.lock.size_bytes

    @pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full and a tmpfs")
    def test_words_for_a_full_disk(self) -> None:
        with pytest.raises(OSError, match="No space left") as full:
            Path("/dev/full").write_bytes(b"x")

        assert full.value.errno == errno.ENOSPC
        assert "pull again to go on" in str(cannot_write(Path("/models"), full.value))

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_without_permission_is_named(self, hub: Hub, tmp_path: Path) -> None:
        publish(hub, tmp_path / "hub", "acme/model", clean())
        (tmp_path / "locked").mkdir(mode=0o500)

        with pytest.raises(DestinationError, match="Permission denied"):
            pull("hf://acme/model", tmp_path / "locked" / "out", settings=SETTINGS)


class TestGoingOn:
    """After an interruption the rest comes, and nothing is believed unread."""

    def test_a_download_goes_on_where_it_was_cut_off(self, hub: Hub, tmp_path: Path) -> None:
        repository = publish(hub, tmp_path / "hub", "acme/model", clean(3_000_000))
        _pull_breaking(tmp_path / "out", SETTINGS, hub, repository.files["model.safetensors"].oid)
        before = hub.sent_bytes
        pulled = pull("hf://acme/model", tmp_path / "out", settings=SETTINGS)

        assert contents(tmp_path / "out") == clean(3_000_000)
        assert 0 < pulled.received_bytes < 2_700_000
        assert hub.sent_bytes - before < 2_900_000

    def test_partial_bytes_that_were_changed_come_again(self, hub: Hub, tmp_path: Path) -> None:
        repository = publish(hub, tmp_path / "hub", "acme/model", clean(3_000_000))
        oid = repository.files["model.safetensors"].oid
        _pull_breaking(tmp_path / "out", SETTINGS, hub, oid)
        partial = quarantine_for(tmp_path / "out") / "tree" / "model.safetensors"
        with partial.open("r+b") as file:
            file.write(b"evil")

        pulled = pull("hf://acme/model", tmp_path / "out", settings=SETTINGS)

        assert contents(tmp_path / "out") == clean(3_000_000)
        assert pulled.received_bytes > 3_000_000

    def test_what_another_target_left_is_not_used(self, hub: Hub, tmp_path: Path) -> None:
        repository = publish(hub, tmp_path / "hub", "acme/model", clean(3_000_000))
        publish(hub, tmp_path / "hub", "acme/other", {"config.json": CONFIG})
        _pull_breaking(tmp_path / "out", SETTINGS, hub, repository.files["model.safetensors"].oid)

        pull("hf://acme/other", tmp_path / "out", settings=SETTINGS)

        assert contents(tmp_path / "out") == {"config.json": CONFIG}
        assert leftovers(tmp_path) == ["hub", "out"]


class TestUpdates:
    """--update exchanges a pull of the same target, and loses nothing of the user's."""

    def test_the_new_commit_takes_the_place_of_the_old(self, hub: Hub, tmp_path: Path) -> None:
        publish(hub, tmp_path / "hub", "acme/model", clean())
        pull("hf://acme/model", tmp_path / "out", settings=SETTINGS)
        new = {**clean(), "config.json": b'{"model_type": "gpt2"}'}
        del new["tokenizer/vocab.txt"]
        moved = publish_again(hub, tmp_path / "hub", "acme/model", new)

        pulled = pull("hf://acme/model", tmp_path / "out", update=True, settings=SETTINGS)

        assert contents(tmp_path / "out") == new
        assert pulled.lock.origin.revision == moved.commit
        assert pulled.received_bytes == len(new["config.json"])
        assert leftovers(tmp_path) == ["hub", "out"]

    def test_a_dirty_update_leaves_the_old_in_place(self, hub: Hub, tmp_path: Path) -> None:
        publish(hub, tmp_path / "hub", "acme/model", clean())
        pull("hf://acme/model", tmp_path / "out", settings=SETTINGS)
        publish_again(hub, tmp_path / "hub", "acme/model", {**clean(), "evil.pkl": PAYLOAD})

        with pytest.raises(GateClosed):
            pull("hf://acme/model", tmp_path / "out", update=True, settings=SETTINGS)

        assert contents(tmp_path / "out") == clean()

    @pytest.mark.parametrize(
        ("target", "update", "words"),
        [
            ("hf://acme/model", False, "--update exchanges it"),
            ("hf://acme/other", True, "pull into another folder"),
        ],
    )
    def test_an_older_pull_is_not_overwritten_by_chance(
        self, hub: Hub, tmp_path: Path, target: str, update: bool, words: str
    ) -> None:
        publish(hub, tmp_path / "hub", "acme/model", clean())
        pull("hf://acme/model", tmp_path / "out", settings=SETTINGS)

        with pytest.raises(DestinationError, match=words):
            pull(target, tmp_path / "out", update=update, settings=SETTINGS)

    def test_files_of_the_user_stop_an_update(self, hub: Hub, tmp_path: Path) -> None:
        publish(hub, tmp_path / "hub", "acme/model", clean())
        pull("hf://acme/model", tmp_path / "out", settings=SETTINGS)
        (tmp_path / "out" / "notes.txt").write_text("mine")

        with pytest.raises(DestinationError, match=r"notes\.txt"):
            pull("hf://acme/model", tmp_path / "out", update=True, settings=SETTINGS)


def _pull_breaking(folder: Path, settings: ScanSettings, hub: Hub, oid: str) -> None:
    """Pull while the storage answers the large file's download with an error after one piece."""

    def break_off(there: int, total: int, name: str) -> None:
        if there > 700_000:
            hub.fail(f"/{oid}", 404, times=5)

    request = PullRequest(
        target="hf://acme/model",
        destination=FolderDestination(folder),
        policy=Policy(),
        scan=replace(settings, fetch=IMPATIENT.fetch),
        brought=break_off,
    )
    with pytest.raises(TargetUnavailable, match="pull again to go on"):
        run(request, Signatures.installed())
    hub.faults.clear()
