"""Names of packages are asked for at an index when the user says so, and never else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from weighbridge import api
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome, Report
from weighbridge.engine.package_index import MOST_NAMES, index_url

_ABSENT = "weighbridge-marker-absent"
_THERE = "weighbridge-marker-there"


@dataclass
class Index:
    """An index on loopback that has some names, and what it was asked."""

    url: str = ""
    status: int = 200
    has_heads: bool = True
    names: set[str] = field(default_factory=lambda: {"pip", _THERE})
    asked: list[str] = field(default_factory=list)


@contextmanager
def serve() -> Iterator[Index]:
    index = Index()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            index.asked.append(f"{self.command} {self.path}")
            name = self.path.removeprefix("/simple/").rstrip("/")
            status = index.status if name in index.names or index.status != 200 else 404
            if self.command == "HEAD" and not index.has_heads:
                status = 405
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    index.url = f"http://127.0.0.1:{server.server_port}/simple"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    with serve() as served:
        monkeypatch.setenv("WEIGHBRIDGE_INDEX_URL", served.url)
        yield served


def _scan(folder: Path, *, online: bool = True) -> Report:
    return api.scan(str(folder), jobs=1, online=online)


def _absent(report: Report) -> list[Finding]:
    return [found for found in report.findings if found.rule in ("PKG020", "PKG021")]


def _rows(report: Report) -> list[Coverage]:
    return [row for row in report.coverage if row.format == "repository"]


def test_a_required_name_that_the_index_lacks_is_a_finding(tmp_path: Path, index: Index) -> None:
    text = f"torch\n{_ABSENT}==1.0\nWeighbridge.Marker_There\n"
    (tmp_path / "requirements.txt").write_text(text)

    report = _scan(tmp_path)

    assert [(one.rule, one.subject, one.path) for one in _absent(report)] == [
        ("PKG020", _ABSENT, ("requirements.txt",))
    ]
    assert sorted(index.asked) == [f"HEAD /simple/{_ABSENT}/", f"HEAD /simple/{_THERE}/"]
    assert report.traffic.requests == 2
    assert report.is_complete


def test_nobody_is_asked_without_the_option(tmp_path: Path, index: Index) -> None:
    (tmp_path / "requirements.txt").write_text(f"{_ABSENT}\n")
    (tmp_path / "README.md").write_text(f"```\npip install {_ABSENT}\n```\n")

    report = _scan(tmp_path, online=False)

    assert index.asked == []
    assert _absent(report) == []
    assert report.is_complete


@pytest.mark.parametrize(
    "text",
    [
        f"# Model\n\n```bash\npip install -U {_ABSENT}\n```\n",
        f"Run `pip install {_ABSENT}` first.\n",
        f"First:\n\n    $ python -m pip install torch {_ABSENT}\n",
        f"~~~\nuv add {_ABSENT}\n~~~\n",
        f"Run <code>pip install {_ABSENT}</code>.\n",
    ],
)
def test_a_text_that_tells_to_install_an_absent_name_is_high(
    tmp_path: Path, index: Index, text: str
) -> None:
    (tmp_path / "README.md").write_text(text)

    report = _scan(tmp_path)

    assert [(one.rule, one.subject) for one in _absent(report)] == [("PKG021", _ABSENT)]
    assert api.decide(report).verdict == "fail"


@pytest.mark.parametrize(
    "text",
    [
        "You can pip install it from wherever you like, or install nothing.\n",
        "```\npip install -r requirements.txt\npip install .\npip install <package>\n```\n",
        f"```\npip install --index-url https://packages.example.invalid/simple {_ABSENT}\n```\n",
    ],
)
def test_prose_and_other_indexes_name_nothing_to_ask(tmp_path: Path, index: Index, text: str) -> None:
    (tmp_path / "README.md").write_text(text)

    report = _scan(tmp_path)

    assert index.asked == []
    assert _absent(report) == []


def test_a_name_is_asked_for_once_and_told_of_each_file(tmp_path: Path, index: Index) -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        (tmp_path / name).write_text(f"{_ABSENT}\n{_THERE}\n")

    report = _scan(tmp_path)

    assert len(index.asked) == 2
    assert len(_absent(report)) == 2


def test_an_index_without_heads_is_asked_again(tmp_path: Path, index: Index) -> None:
    index.has_heads = False
    (tmp_path / "requirements.txt").write_text(f"{_THERE}\n")

    report = _scan(tmp_path)

    assert index.asked == [f"HEAD /simple/{_THERE}/", f"GET /simple/{_THERE}/"]
    assert report.is_complete


def test_an_index_that_answers_otherwise_is_a_gap(tmp_path: Path, index: Index) -> None:
    index.status = 403
    (tmp_path / "requirements.txt").write_text(f"{_THERE}\n")

    report = _scan(tmp_path)

    assert [row.outcome for row in _rows(report)] == [Outcome.FAILED]
    assert "status 403" in _rows(report)[0].detail
    assert api.decide(report).verdict == "incomplete"


def test_an_index_that_has_nothing_at_all_is_none(tmp_path: Path, index: Index) -> None:
    index.names.clear()
    (tmp_path / "requirements.txt").write_text(f"{_ABSENT}\n")

    report = _scan(tmp_path)

    assert index.asked == [f"HEAD /simple/{_ABSENT}/", "HEAD /simple/pip/"]
    assert _absent(report) == []
    assert "no index of packages" in _rows(report)[0].detail


def test_nobody_there_is_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve() as gone:
        monkeypatch.setenv("WEIGHBRIDGE_INDEX_URL", gone.url)
    (tmp_path / "requirements.txt").write_text(f"{_ABSENT}\n")

    report = _scan(tmp_path)

    assert [row.outcome for row in _rows(report)] == [Outcome.FAILED]
    assert api.decide(report).verdict == "incomplete"


def test_no_more_names_are_asked_for_than_the_limit(tmp_path: Path, index: Index) -> None:
    names = {f"weighbridge-marker-{number}x" for number in range(MOST_NAMES + 20)}
    index.names |= names
    (tmp_path / "requirements.txt").write_text("\n".join(sorted(names)))

    report = _scan(tmp_path)

    assert len(index.asked) == MOST_NAMES
    assert [row.outcome for row in _rows(report)] == [Outcome.LIMITED]


def test_credentials_of_an_index_are_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEIGHBRIDGE_INDEX_URL", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:secret@packages.example.invalid/simple/")

    assert index_url() == "https://packages.example.invalid/simple"
