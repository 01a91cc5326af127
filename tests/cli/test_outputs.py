"""Which report goes where."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from tests.reporters import sample_runs as sample
from weighbridge.cli.outputs import FORMATS, Output, plan_outputs, write_outputs
from weighbridge.core.artifact import Origin
from weighbridge.core.report import ScannedFile
from weighbridge.errors import UsageError


def test_without_options_the_human_report_is_printed() -> None:
    assert plan_outputs((), ()) == (Output("human", None),)


def test_a_file_alone_gets_the_format_of_its_extension_and_the_human_report_is_printed() -> None:
    assert plan_outputs((), ("r.sarif",)) == (Output("sarif", Path("r.sarif")), Output("human", None))


def test_formats_find_their_files_by_extension_in_any_order() -> None:
    planned = plan_outputs(("human", "sarif", "json"), ("r.json", "r.sarif"))
    assert planned == (
        Output("json", Path("r.json")),
        Output("sarif", Path("r.sarif")),
        Output("human", None),
    )


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("r.html", "html"),
        ("R.MD", "markdown"),
        ("bom.cdx.json", "cyclonedx"),
        ("r.json", "json"),
        ("r.junit.xml", "junit"),
        ("r.layer.json", "navigator"),
        ("r.txt", "human"),
    ],
)
def test_extension_tells_the_format(file: str, kind: str) -> None:
    assert plan_outputs((), (file,))[0] == Output(kind, Path(file))


def test_human_report_is_printed_and_does_not_fill_a_file_of_another_extension() -> None:
    assert plan_outputs(("human",), ("r.sarif", "r.html")) == (
        Output("sarif", Path("r.sarif")),
        Output("html", Path("r.html")),
        Output("human", None),
    )


def test_a_format_that_is_asked_for_beats_an_extension_of_another() -> None:
    assert plan_outputs(("cyclonedx",), ("bom.json",)) == (Output("cyclonedx", Path("bom.json")),)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_written(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "report"
    run = sample.run(sample.hub_failure())
    write_outputs(run, [Output(kind, file)], verbose=False)
    assert "acme/sentiment-xl" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["html", "cyclonedx"])
def test_local_files_are_named_by_their_digests(kind: str, tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(b"N.")
    origin = Origin(kind="local", location=str(tmp_path))
    report = sample.report("models", rows=(sample.row("model.pkl"),), origin=origin)
    result = sample.judged(replace(report, files=(ScannedFile(name="model.pkl", size_bytes=2),)))
    file = tmp_path / "report"
    write_outputs(sample.run(result), [Output(kind, file)], verbose=False)
    assert hashlib.sha256(b"N.").hexdigest() in file.read_text(encoding="utf-8")


def test_a_file_of_any_name_takes_the_first_format() -> None:
    assert plan_outputs(("json",), ("report",)) == (Output("json", Path("report")),)


def test_two_reports_do_not_fit_on_standard_output() -> None:
    with pytest.raises(UsageError, match="only one report"):
        plan_outputs(("json", "sarif"), ())


def test_a_file_whose_format_nobody_names_is_refused() -> None:
    with pytest.raises(UsageError, match=r"report\.xml"):
        plan_outputs((), ("report.xml",))
