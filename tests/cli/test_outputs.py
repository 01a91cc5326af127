"""Which report goes where."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.cli.outputs import Output, plan_outputs
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


def test_a_file_of_any_name_takes_the_first_format() -> None:
    assert plan_outputs(("json",), ("report",)) == (Output("json", Path("report")),)


def test_two_reports_do_not_fit_on_standard_output() -> None:
    with pytest.raises(UsageError, match="only one report"):
        plan_outputs(("json", "sarif"), ())


def test_a_file_whose_format_nobody_names_is_refused() -> None:
    with pytest.raises(UsageError, match=r"report\.xml"):
        plan_outputs((), ("report.xml",))
