"""The same against a real clamd, with a signature of our own in place of a downloaded database.

Set WEIGHBRIDGE_TEST_CLAMD=1 to run it; it then fails where there is no clamd. `.ci/run` does.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.opinions.fake_clamd import MARKER, SIGNATURE
from tests.opinions.subjects import PLAIN, budget, subject
from weighbridge.formats.kinds import Format
from weighbridge.opinions.clamav import ClamavOpinion
from weighbridge.opinions.clamd_client import parse_address
from weighbridge.opinions.interface import Stance

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("WEIGHBRIDGE_TEST_CLAMD") != "1",
        reason="needs a real clamd (Debian: apt-get install clamav-daemon) and WEIGHBRIDGE_TEST_CLAMD=1",
    ),
]
STREAM_LIMIT = 2 << 20


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClamavOpinion]:
    program = shutil.which("clamd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    assert program is not None, "WEIGHBRIDGE_TEST_CLAMD=1, but there is no clamd"
    folder = tmp_path_factory.mktemp("clamd")
    (folder / "db").mkdir()
    name = SIGNATURE.removesuffix(".UNOFFICIAL")
    (folder / "db" / "own.ndb").write_text(f"{name}:0:*:{MARKER.hex()}\n")
    configuration = folder / "clamd.conf"
    configuration.write_text(
        f"Foreground yes\nDatabaseDirectory {folder}/db\nLocalSocket {folder}/s\n"
        f"TemporaryDirectory {folder}\nStreamMaxLength {STREAM_LIMIT}\n"
    )
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([program, "-c", str(configuration)], stdout=log, stderr=log)
    engine = ClamavOpinion(parse_address(f"unix:{folder}/s"))
    try:
        _wait_for(engine, server, folder / "log")
        yield engine
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_for(engine: ClamavOpinion, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if engine.is_available() is None:
            return
        assert server.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(f"clamd does not answer: {log.read_text()}")


def _zipped(data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", data)
    return packed.getvalue()


@pytest.mark.parametrize("data", [b"xx" + MARKER, _zipped(b"xx" + MARKER)], ids=["plain", "in a zip"])
def test_a_real_clamd_names_the_signature(engine: ClamavOpinion, data: bytes) -> None:
    result = engine.examine(subject(data, Format.UNKNOWN), budget())
    assert [(one.rule, one.subject) for one in result.objections] == [("OPN005", SIGNATURE)]


def test_a_real_clamd_has_nothing_against_a_plain_pickle(engine: ClamavOpinion) -> None:
    assert engine.examine(subject(PLAIN), budget()).stance is Stance.NO_OBJECTION


def test_a_real_clamd_that_refuses_a_long_stream_leaves_no_clean_bill(engine: ClamavOpinion) -> None:
    data = b"\0" * (STREAM_LIMIT + (1 << 20))
    result = engine.examine(subject(data, Format.UNKNOWN), budget())
    assert result.stance is Stance.LIMITED
    assert "StreamMaxLength" in result.reason


def test_a_real_clamd_states_its_version(engine: ClamavOpinion) -> None:
    version = engine.version()
    assert version is not None
    assert version[0].isdigit()
