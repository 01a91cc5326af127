"""Cases that the fuzzer found: an import that CPython reached and the trace did not have."""

from __future__ import annotations

from tests.oracle.client import traced_imports

WORD = "Ünï".encode()


def test_a_later_pickle_that_only_a_file_reader_gets_through() -> None:
    """Linear readers stop at ADDITEMS without a mark; the file reader lost a byte of the frame."""
    first = b"\x80\x03N."
    frame = b"M\x01\x02q\x01\x94J\xff"
    second = b"\x80\x04}\x95" + len(frame).to_bytes(8, "little") + frame
    second += b"\xff\xff\xff\x90\x8fc" + WORD + b"\na.b\n."

    assert ("Ünï", "a.b") in set(traced_imports(first + second))
