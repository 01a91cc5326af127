"""Debian's git as a subprocess that obeys nobody but us: no configuration, no hook, no terminal.

Laws: nothing that comes from a target is an argument; addresses and secrets travel in the
environment of the process, which only this user can read. git never checks out, never runs a hook,
a filter or a helper, follows no redirect, and speaks only the protocol of the target. The kernel
limits the size of a file that it writes; a clock limits its time.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from weighbridge.core.limits import GIB, MIB
from weighbridge.errors import ReadError, TargetUnavailable

_SHELL: Final = "/bin/sh"
_LIMITED: Final = """trap "" 25
ulimit -c 0 && ulimit -f "$1" && ulimit -v "$2" || exit
(trap "" TERM; read -r _ || { kill -TERM -$$; rm -rf -- "$4"; kill -KILL -$$; }
) 2>/dev/null >/dev/null < "/dev/fd/$3" &
shift 4 && exec "$@"
"""
"""Sets limits for git and all that it starts; what is too large is an error then, and not a signal.

The second process waits at a pipe that we hold. A line says that all is well; its end, that we were
killed: then it ends git, which a slow server could hold for ever, and removes the folder.
What follows are parameters, which the shell never parses.
"""
_MEMORY_KIB: Final = 8 * GIB // 1024
_BLOCK: Final = 512
_SAID_BYTES: Final = 64 * 1024
_PASSED_ON: Final = (
    *("PATH", "SYSTEMROOT", "TMPDIR", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
)
_CONFIG: Final = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("core.bigFileThreshold", "16m"),
    ("core.askPass", ""),
    ("credential.helper", ""),
    # What we say that we have, the other side would leave out: also the files that it left out before.
    ("fetch.negotiationAlgorithm", "noop"),
    # Nothing is checked out, and we judge names ourselves: git's own checks would turn what is hostile,
    # and what is only old, into a repository that can't be read. Digests are checked all the same.
    ("fetch.fsckObjects", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("fetch.unpackLimit", "1"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "1024"),
    ("pack.threads", "1"),
    ("protocol.allow", "never"),
    ("protocol.version", "2"),
    ("submodule.recurse", "false"),
    ("transfer.bundleURI", "false"),
)
_ASKED: Final = re.compile(rb"=> Send header: (?:GET|POST) ")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitLimits:
    """How much git may bring, and how long it may take.

    Attributes:
        pack_bytes: of one transfer.
        blob_bytes: of one file; larger ones are not read.
        early_bytes: files up to this size come with the first transfer, if the server can leave
            others out; those are asked for one by one, when they are read.
        total_bytes: of all transfers.
        wall_s: of one command.
    """

    pack_bytes: int = 2 * GIB
    blob_bytes: int = 4 * GIB
    early_bytes: int = 1 * MIB
    total_bytes: int = 32 * GIB
    wall_s: float = 900.0


class GitFailed(ReadError):
    """A git command failed. `said` is what it wrote to its standard error, cut."""

    def __init__(self, message: str, *, said: str) -> None:
        super().__init__(message)
        self.said = said


@dataclass(slots=True)
class Git:
    """Runs git in one private repository.

    Args:
        folder: holds the repository, and what git takes for the home of the user.
        protocol: the only one that it may speak; None for none.
        config: more settings, which may hold addresses and secrets.
    """

    folder: Path
    limits: GitLimits
    protocol: str | None = None
    config: Sequence[tuple[str, str]] = ()
    silence_s: float = 15.0
    _traces: int = field(default=0)

    def run(
        self, *arguments: str, feed: bytes = b"", most_bytes: int = 64 * MIB, is_online: bool = False
    ) -> bytes:
        """Run a command to its end and return what it writes.

        Raises:
            GitFailed: it failed, wrote too much, or took too long.
        """
        with self.started(*arguments, is_online=is_online) as process:
            writing = threading.Thread(target=_feed, args=(process.stdin, feed), daemon=True)
            writing.start()
            assert process.stdout is not None
            data = process.stdout.read(most_bytes + 1)
            if len(data) > most_bytes:
                raise GitFailed(f"git {arguments[0]} wrote more than {most_bytes:,} bytes", said="")
        return data

    @contextmanager
    def started(self, *arguments: str, is_online: bool = False) -> Iterator[subprocess.Popen[bytes]]:
        """Give a running command; it ends with the block at the latest.

        Raises:
            GitFailed: it took too long, or failed although the block came to its end.
        """
        with tempfile.TemporaryFile(dir=self.folder) as said:
            process, alive = self._start(arguments, said, is_online=is_online)
            late = threading.Event()
            clock = threading.Timer(self.limits.wall_s, _end, (process, late))
            clock.daemon = True
            clock.start()
            try:
                yield process
                self._finish(process, said, late, arguments[0])
            finally:
                clock.cancel()
                _end(process, None)
                with suppress(OSError):
                    os.write(alive, b"\n")
                os.close(alive)

    def requests(self) -> int:
        """Requests over HTTP since the last call."""
        found = 0
        for trace in self.folder.glob("trace-*"):
            found += len(_ASKED.findall(trace.read_bytes()[: 16 * MIB]))
            trace.unlink()
        return found

    def _start(
        self, arguments: Sequence[str], said: IO[bytes], *, is_online: bool
    ) -> tuple[subprocess.Popen[bytes], int]:
        """Start a command; also gives the end of a pipe that says, while it is open, that we live."""
        blocks = max(1, self.limits.pack_bytes // _BLOCK)
        git = (git_program(), "--git-dir", str(self.folder / "repository"))
        watched, alive = os.pipe()
        limits = (str(blocks), str(_MEMORY_KIB), str(watched), str(self.folder))
        try:
            process = subprocess.Popen(
                [_SHELL, "-c", _LIMITED, "sh", *limits, *git, *arguments],
                cwd=self.folder,
                env=self._environment(is_online=is_online),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                start_new_session=True,
                pass_fds=(watched,),
            )
        except BaseException:
            os.close(alive)
            raise
        finally:
            os.close(watched)
        return process, alive

    def _environment(self, *, is_online: bool) -> Mapping[str, str]:
        config = [*_CONFIG, ("http.lowSpeedTime", str(max(1, round(self.silence_s))))]
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= {
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_ALLOW_PROTOCOL": "",
        }
        if is_online:
            self._traces += 1
            trace = str(self.folder / f"trace-{self._traces}")
            environment |= {"GIT_ALLOW_PROTOCOL": self.protocol or "", "GIT_TRACE_CURL": trace}
            environment |= {"GIT_TRACE_CURL_NO_DATA": "1", "GIT_TRACE_REDACT": "1"}
            config += self.config
        for number, (name, value) in enumerate(config):
            environment |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        return {**environment, "GIT_CONFIG_COUNT": str(len(config))}

    def _finish(
        self, process: subprocess.Popen[bytes], said: IO[bytes], late: threading.Event, command: str
    ) -> None:
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        status = process.wait()
        if late.is_set():
            raise GitFailed(f"git {command} took longer than {self.limits.wall_s:,.0f} s", said="")
        if status != 0:
            said.seek(0)
            words = said.read(_SAID_BYTES).decode("utf-8", "replace")
            raise GitFailed(f"git {command} failed with status {status}", said=words)


def git_program() -> str:
    """Return the path of git.

    Raises:
        TargetUnavailable: there is none here.
    """
    found = shutil.which("git")
    if found is None or not os.path.exists(_SHELL):
        raise TargetUnavailable(
            "git is not installed here, and git targets are read with it: apt install git"
        )
    return found


def _feed(stream: IO[bytes] | None, data: bytes) -> None:
    if stream is None:
        return
    with suppress(OSError):
        stream.write(data)
        stream.close()


def _end(process: subprocess.Popen[bytes], late: threading.Event | None) -> None:
    """End git and all that it has started; the clock says in `late` that it was the clock."""
    if process.poll() is None:
        if late is not None:
            late.set()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    if late is None:
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
