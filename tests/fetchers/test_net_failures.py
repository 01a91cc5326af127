"""What breaks between us and a registry, on the path that all REST registries share, and how we end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.servers.faulty import (
    METADATA,
    Answer,
    Compressed,
    DrippingBody,
    DrippingHeaders,
    Endless,
    Fault,
    IgnoresRange,
    RedirectLoop,
    RedirectTo,
    Reset,
    Seen,
    Status,
    Truncated,
    WrongRange,
    json_answer,
    running_faulty,
)
from tests.servers.stub_hubs import COMMIT, ModelScopeStub, Running, running_stub, samples
from weighbridge.cli.main import commands
from weighbridge.errors import WeighbridgeError

LISTING = "/repo/files"
TARGET = "modelscope://acme/model"
HASTY = ("--net-timeout", "0.4")
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    for name in ("MODELSCOPE_API_TOKEN", *VARIABLES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with running_stub(ModelScopeStub(samples(tmp_path))) as running:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", running.api.origin)
        yield running


@dataclass(frozen=True, slots=True)
class Done:
    """What a command came to; its words on one line, as they are read."""

    code: int
    words: str


def weighbridge(*arguments: str) -> Done:
    """Run the command line in this process."""
    done = CliRunner().invoke(commands, ["scan", "-j", "1", *arguments], env={"COLUMNS": "300"})
    if isinstance(done.exception, WeighbridgeError):
        return Done(2, str(done.exception))  # as `cli.main.main` has it
    return Done(done.exit_code, " ".join(done.output.split()))


def test_without_a_fault_it_passes(hub: Running) -> None:
    done = weighbridge(TARGET)

    assert (done.code, done.words[:4]) == (0, "PASS")
    assert hub.requests == (3, 3)


@pytest.mark.parametrize(
    ("fault", "options", "words"),
    [
        (Status(401), (), "it asks who we are (status 401); set MODELSCOPE_API_TOKEN"),
        (Status(404), (), "There is no acme/model (master) at ModelScope"),
        (Status(418), (), "answered with status 418"),
        (Status(429, {"retry-after": "4000"}), (), "asks us to wait 4,000 s, longer than the 330 s"),
        (RedirectLoop(), (), "redirects more than 5 times"),
        (RedirectTo(METADATA), (), "cloud metadata address 169.254.169.254"),
        (Compressed(), (), "sends the file compressed"),
        (Status(200, {}, b"<html>"), (), "sent an answer that can't be read"),
        (Status(200, {}, b'{"Data": {"Files": 7}}'), (), "sent an answer that can't be read"),
        (DrippingHeaders(), HASTY, "took longer than"),
        (DrippingBody(), HASTY, "took longer than"),
        (Endless(), (), "sent an answer of more than 67,108,864 bytes"),
    ],
)
def test_a_target_that_cannot_be_listed_is_exit_2_in_words(
    hub: Running, fault: Fault, options: tuple[str, ...], words: str
) -> None:
    hub.api.fault(LISTING, fault)

    done = weighbridge(*options, TARGET)

    assert done.code == 2
    assert words in done.words
    assert "Traceback" not in done.words


@pytest.mark.parametrize(
    ("fault", "options", "words"),
    [
        (Status(403), (), "refuses access (status 403)"),
        (Truncated(after_bytes=100), (), "4 tries in a row"),
        (Reset(), (), "4 tries in a row"),
        (IgnoresRange(), (), "the server ignores range requests"),
        (WrongRange(), (), "asked for were"),
        (RedirectLoop(), (), "redirects more than 5 times"),
        (RedirectTo(METADATA), (), "cloud metadata address 169.254.169.254"),
        (Compressed(), (), "sends the file compressed"),
        (DrippingBody(), HASTY, "took longer than"),
        (DrippingHeaders(), HASTY, "took longer than"),
    ],
)
def test_a_file_that_cannot_be_read_is_exit_3_in_words(
    hub: Running, fault: Fault, options: tuple[str, ...], words: str
) -> None:
    hub.storage.fault(r"model\.bin", fault)

    done = weighbridge(*options, TARGET)

    assert done.code == 3
    assert "INCOMPLETE modelscope://acme/model" in done.words
    assert "weights/model.bin" in done.words
    assert words in done.words
    assert hub.sent_bytes < 12_000_000


def test_what_was_found_is_not_lost_when_another_file_breaks(hub: Running, tmp_path: Path) -> None:
    (tmp_path / "dirty").mkdir()
    dirty = samples(tmp_path / "dirty", is_dirty=True)["weights/model.bin"]
    hub.stub.files["weights/second.bin"] = dirty
    hub.storage.fault(r"model\.bin", Status(404))

    done = weighbridge(TARGET)

    assert (done.code, done.words[:4]) == (1, "FAIL")
    assert "weights/second.bin" in done.words
    assert "says that the file does not exist" in done.words


def test_a_second_opinion_that_could_not_read_is_said_too(hub: Running) -> None:
    hub.storage.fault(r"model\.bin", Status(404))

    done = weighbridge("--opinions", "fickling", TARGET)

    assert done.code == 3
    assert "fickling could not read it" in done.words


def test_an_address_that_expires_in_mid_scan_is_asked_for_again(hub: Running) -> None:
    hub.storage.fault(r"model\.bin.*", Status(403), times=1)

    done = weighbridge(TARGET)

    assert done.code == 0
    assert hub.requests == (4, 4)


@pytest.mark.parametrize("fault", [Truncated(after_bytes=100), Status(503, {"retry-after": "0"})])
def test_what_breaks_once_is_read_in_the_end(hub: Running, fault: Fault) -> None:
    hub.storage.fault(r"model\.bin", fault, times=1)

    done = weighbridge(TARGET)

    assert done.code == 0
    assert hub.requests == (4, 4)


@pytest.mark.parametrize("stated", [0, 1, 1000, None])
def test_a_size_that_the_registry_understates_hides_nothing(
    hub: Running, tmp_path: Path, stated: int | None
) -> None:
    hub.stub.files = samples(tmp_path, is_dirty=True)
    honest = hub.api.answering

    def lying(seen: Seen) -> Answer | None:
        if not seen.route.endswith(LISTING):
            return honest(seen)
        row: dict[str, object] = {"Path": "weights/model.bin", "Type": "blob", "Revision": COMMIT}
        row |= {"Size": stated} if stated is not None else {}
        return json_answer({"Code": 200, "Data": {"Files": [row]}})

    hub.api.answering = lying

    done = weighbridge(TARGET)

    assert (done.code, done.words[:4]) == (1, "FAIL")
    assert "PKL002" in done.words


@pytest.mark.parametrize(
    ("name", "words"),
    [("../../etc/passwd", "leads out of the target"), ("/etc/passwd", "absolute name")],
)
def test_a_name_that_no_file_may_have_is_a_finding(hub: Running, name: str, words: str) -> None:
    hub.stub.files[name] = b"{}"

    done = weighbridge("--verbose", TARGET)

    assert done.code in (1, 3)
    assert words in done.words
    assert len(hub.api.seen("passwd")) == 0


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (DrippingHeaders(), "took longer than"),
        (DrippingBody(), "took longer than"),
        (RedirectTo(METADATA), "cloud metadata address 169.254.169.254"),
        (RedirectTo("http://10.0.0.1/"), "private address 10.0.0.1"),
        (RedirectLoop(), "redirects more than 5 times"),
        (Compressed(), "compressed"),
    ],
)
def test_the_first_question_to_a_hub_is_bounded_like_all_others(
    monkeypatch: pytest.MonkeyPatch, fault: Fault, words: str
) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
    with running_faulty({"/api/models/acme/model": b"{}" * 100}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.origin)
        server.fault("/api/models", fault)

        done = weighbridge(*HASTY, "hf://acme/model")

    assert done.code == 2
    assert words in done.words


OFFLINE = """
import json, sys
sockets = []
sys.addaudithook(lambda event, args: sockets.append(event) if event.startswith("socket.") else None)
from weighbridge.cli.main import commands
code = commands.main(json.loads(sys.argv[1]), standalone_mode=False)
print(json.dumps([code, sockets]))
"""


@pytest.mark.parametrize(
    ("target", "options", "environment"),
    [
        ("modelscope://acme/model", ["--offline"], {}),
        ("kaggle://datasets/acme/data", [], {"WEIGHBRIDGE_OFFLINE": "1"}),
        ("wandb://acme/vision/model", ["--offline"], {}),
        ("ngc://acme/model:1", ["--offline"], {}),
        ("jfrog://example.invalid/artifactory/hf/acme/model", ["--offline"], {}),
        ("jfrog-generic://example.invalid/artifactory/ml", ["--offline"], {}),
        ("hf://acme/model", ["--offline"], {}),
        ("hf://acme/model", [], {"HF_HUB_OFFLINE": "1"}),
        ("jfrog://example.invalid/artifactory/hf/acme/model", [], {"HF_HUB_OFFLINE": "1"}),
        ("https://example.invalid/model.bin", ["--offline"], {}),
    ],
)
def test_offline_nothing_so_much_as_makes_a_socket(
    target: str, options: list[str], environment: dict[str, str]
) -> None:
    code, sockets = offline(["scan", *options, target], environment)

    assert (code, sockets) == (2, [])


def test_a_local_scan_makes_no_socket_either(tmp_path: Path) -> None:
    samples(tmp_path, is_dirty=True)

    assert offline(["scan", "--offline", str(tmp_path)], {}) == (1, [])
    assert offline(["scan", str(tmp_path)], {}) == (1, [])


def offline(arguments: list[str], environment: dict[str, str]) -> tuple[object, list[str]]:
    """Run the command line where every event of a socket is written down."""
    sources = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, json.dumps(arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment, "PYTHONPATH": sources},
        check=True,
        timeout=60,
    )
    code, sockets = json.loads(done.stdout.splitlines()[-1])
    return code, sockets
