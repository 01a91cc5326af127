"""The documentation says what the program does: options, rules, formats, limits, commands."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest
from jsonschema import Draft202012Validator

from weighbridge.cli.main import commands
from weighbridge.core.finding import Severity
from weighbridge.core.report import Outcome, Verdict
from weighbridge.formats.kinds import Format
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.rules import load_rules
from weighbridge.policy import read_policy

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
FORMATS = [
    ROOT / "docs" / "formats.md",
    *sorted(ROOT.glob("docs/formats/*.md")),
    *sorted(ROOT.glob("docs/repository/*.md")),
]
PAGES = {path.name: path.read_text(encoding="utf-8") for path in FILES}
RULES = load_rules(signatures_dir() / "rules")
INSTALL_AND_TEST = "pip install -e '.[archives,dev,real]' && pytest"


def _options(name: str) -> list[str]:
    context = click.Context(commands, info_name="weighbridge")
    command = commands.get_command(context, name)
    assert command is not None
    parameters = command.get_params(click.Context(command, info_name=name))
    options = [one for one in parameters if isinstance(one, click.Option)]
    return [spelling for option in options for spelling in option.opts if spelling.startswith("--")]


def _tool(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("option", _options("scan"))
def test_every_option_of_scan_is_documented(option: str) -> None:
    assert f"`{option}" in PAGES["policy.md"]


def test_the_documented_options_of_scan_are_there() -> None:
    documented = set(re.findall(r"^\| .*?`(--[a-z-]+)", PAGES["policy.md"], re.MULTILINE))
    assert documented == set(_options("scan"))


@pytest.mark.parametrize("command", commands.list_commands(click.Context(commands)))
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"weighbridge {command}" in PAGES["README.md"]


def test_the_page_of_rules_is_what_the_signatures_say() -> None:
    built = _tool("tools/docs/build_rules.py").build(signatures_dir())
    assert PAGES["rules.md"] == built, "run: python tools/docs/build_rules.py"


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_section(rule: str) -> None:
    assert f'\n### <a id="{rule.lower()}"></a>{rule}: ' in PAGES["rules.md"]


@pytest.mark.parametrize("kind", Format)
def test_every_format_is_documented(kind: Format) -> None:
    assert any(f"`{kind.value}`" in page.read_text(encoding="utf-8") for page in FORMATS)


@pytest.mark.parametrize("word", [*Outcome, *Verdict])
def test_every_word_of_the_report_is_explained(word: str) -> None:
    assert f"`{word}`" in PAGES["json.md"]


def test_the_schema_names_the_same_words_as_the_program() -> None:
    schema = json.loads((ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    definitions = schema["$defs"]
    assert set(definitions["verdict"]["enum"]) == set(Verdict)
    assert set(definitions["severity"]["enum"]) == {one.word for one in Severity}
    assert set(definitions["coverage"]["properties"]["outcome"]["enum"]) == set(Outcome)


def test_every_key_of_a_finding_is_explained() -> None:
    schema = json.loads((ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8"))
    keys = schema["$defs"]["finding"]["properties"]
    assert [key for key in keys if f"`{key}`" not in PAGES["json.md"]] == []


@pytest.mark.parametrize("page", ["policy.md", "README.md"])
def test_the_example_of_a_policy_is_one(page: str, tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", PAGES[page], re.DOTALL)
    assert example is not None
    file = tmp_path / "weighbridge.toml"
    file.write_text(example[1], encoding="utf-8")
    assert read_policy(file, rules=RULES).suppressions != ()


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    folder = ROOT if (ROOT / page).is_file() else ROOT / "docs"
    links = re.findall(r"\]\((?!https?:)([^)#]+)", PAGES[page])
    assert [link for link in links if not (folder / link).exists()] == []


def test_rules_that_the_pages_name_exist() -> None:
    named = {rule for text in PAGES.values() for rule in re.findall(r"\b[A-Z]{2,3}\d{3}\b", text)}
    assert named - RULES.keys() == set()


def test_ci_runs_the_command_that_the_readme_gives() -> None:
    assert INSTALL_AND_TEST in PAGES["README.md"]
    assert INSTALL_AND_TEST in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_terminal_shown_in_the_readme_is_what_the_program_says(tmp_path: Path) -> None:
    folder = tmp_path / "samples" / "out"
    subprocess.run(
        [sys.executable, ROOT / "samples" / "build.py", folder], check=True, capture_output=True
    )
    shown = re.search(r"\n(FAIL .*?)\n\n\$ [^\n]*\n(PASS .*?)\n```", PAGES["README.md"], re.DOTALL)
    assert shown is not None
    environment = {**os.environ, "COLUMNS": "100", "PYTHONPATH": os.pathsep.join(sys.path)}
    said = [
        subprocess.run(
            [sys.executable, "-m", "weighbridge", "scan", f"samples/out/demo/{name}"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
        for name in ("sentiment.pt", "sentiment-clean.pt")
    ]
    assert [_without_seconds(text) for text in said] == [
        _without_seconds(text) for text in shown.groups()
    ]


def _without_seconds(text: str) -> str:
    return re.sub(r"\d+\.\d s$", "0.0 s", text, flags=re.MULTILINE)


def test_the_version_has_its_section_in_the_changelog() -> None:
    from weighbridge import __version__

    assert f"\n## [{__version__}]" in PAGES["CHANGELOG.md"]
