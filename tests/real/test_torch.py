"""What torch writes passes, and every member of its archives is accounted for."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.real.conftest import Scan
from tests.real.groups import write_group
from tests.real.scanning import complaints, scan_file, scan_folder

pytestmark = pytest.mark.slow


def test_everything_that_torch_save_takes_passes(scan: Scan) -> None:
    scanned = scan("torch.write_objects")

    assert len(scanned) > 300
    assert complaints(scanned) == []


def test_every_layout_and_protocol_passes(scan: Scan) -> None:
    scanned = scan("torch.write_layouts")
    appended = [file for file in scanned if file.name == "appended.pt"]

    assert len(scanned) > 150
    assert complaints(file for file in scanned if file.name != "appended.pt") == []
    assert complaints(appended, expected=frozenset({"PKL042"})) == []


def test_torchscript_exported_packaged_and_distributed_programs_pass(scan: Scan) -> None:
    scanned = scan("torch.write_programs")

    assert len(scanned) > 10
    packages = [file for file in scanned if "TOR030" in file.rules]
    others = [file for file in scanned if file not in packages]
    assert [file.name for file in packages] == ["package.pt"]  # its code is medium, and should be
    assert complaints(others, expected=frozenset({"ZIP020", "TOR009"})) == []
    assert {file.name for file in scanned if "ZIP020" in file.rules} == {"distributed/__0_0.distcp"}


def test_the_tar_layout_of_torch_below_0_1_10_passes(scan: Scan) -> None:
    (file,) = scan("containers.write_torch_tar")

    assert complaints([file]) == []
    assert file.nested == {"sys_info", "pickle", "storages", "tensors"}


@pytest.mark.parametrize("length", range(1, 60))
def test_an_archive_of_any_name_has_one_directory(tmp_path: Path, length: int) -> None:
    """With 21 letters the first directory entry is as long as the Zip64 records behind them all."""
    import torch

    path = tmp_path / f"{'x' * length}.pt"
    torch.save({"w": torch.ones(2)}, path)

    assert complaints([scan_file(path, path.name)]) == []


def test_every_member_of_every_archive_has_a_row_or_is_a_storage(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    write_group("torch.write_programs", folder)
    members = {}
    for path in folder.glob("*.pt*"):
        with zipfile.ZipFile(path) as archive:
            members[path.name] = {name for name in archive.namelist() if not name.endswith("/")}
    rows = {file.name: file.nested for file in scan_folder(folder)}

    assert len(members) > 8
    missing = [
        (name, member)
        for name, wanted in members.items()
        for member in wanted - rows[name]
        if f"{member.rpartition('/')[0]}/" not in rows[name]
    ]
    assert missing == []


def test_storages_of_a_large_checkpoint_are_not_read(tmp_path: Path) -> None:
    import torch

    path = tmp_path / "large.pt"
    torch.save({f"layer.{n}": torch.empty(75_000_000 // 4 * 4 // 4) for n in range(4)}, path)
    scanned = scan_file(path, path.name)

    assert path.stat().st_size > 280_000_000
    assert complaints([scanned]) == []
    assert next(row.bytes_read for row in scanned.rows if len(row.path) == 1) < 1_000_000


def test_storages_of_a_large_legacy_checkpoint_are_not_judged_as_pickles(tmp_path: Path) -> None:
    import torch

    path = tmp_path / "large.pt"
    torch.save({"w": torch.full((20_000_000,), 1.5)}, path, _use_new_zipfile_serialization=False)
    scanned = scan_file(path, path.name)

    assert complaints([scanned]) == []
    assert [row.size_bytes for row in scanned.rows if row.format == "tensor-bytes"] == [80_000_008]
