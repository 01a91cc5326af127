"""What programs are for: shapes from public write-ups, and the harmless things that look like them."""

from __future__ import annotations

import base64
import re
import tomllib
from pathlib import Path

import pytest

from tests.knowledge.payload_cases import PYTHON_CASES, SHELL_CASES
from weighbridge.errors import UsageError
from weighbridge.formats.scripts.facts import Language, ScriptCall, ScriptFacts, Unknown
from weighbridge.formats.scripts.python_source import read_python
from weighbridge.formats.scripts.shell import read_shell
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.payload_programs import unfold
from weighbridge.knowledge.payload_tables import PayloadClass, PayloadTables, installed_tables
from weighbridge.knowledge.payloads import classify


@pytest.mark.parametrize("name", PYTHON_CASES)
def test_a_python_program_is_of_these_classes(name: str) -> None:
    text, expected = PYTHON_CASES[name]
    assert {found.kind.value for found in classify(read_python(text))} == expected


@pytest.mark.parametrize("name", SHELL_CASES)
def test_a_command_line_is_of_these_classes(name: str) -> None:
    text, expected = SHELL_CASES[name]
    assert {found.kind.value for found in classify(read_shell(text))} == expected


TABLES = installed_tables()
ROOTS = [
    tomllib.loads((signatures_dir() / "payloads" / name).read_text(encoding="utf-8"))
    for name in ("python.toml", "shell.toml", "text.toml", "classes.toml")
]
ENTRIES = [(section, entry) for root in ROOTS for section, entries in root.items() for entry in entries]
SIGNS = {entry["sign"] for _, entry in ENTRIES if "sign" in entry}
USED = {sign for combination in TABLES.combinations for group in combination.groups for sign in group}
BY_THE_CODE = {"encoded_program"}
OF_DEMONSTRATIONS = {"harmless", "carrier"}


def test_every_sign_is_part_of_a_class_and_every_class_is_made_of_signs() -> None:
    assert sorted(SIGNS - USED) == sorted(OF_DEMONSTRATIONS)
    assert sorted(USED - SIGNS) == sorted(BY_THE_CODE)


def test_every_entry_says_why_and_where_it_comes_from() -> None:
    assert [
        entry for _, entry in ENTRIES if not entry["why"] or not entry["source"].startswith("https://")
    ] == []


def test_every_class_but_the_two_of_the_rest_has_a_combination() -> None:
    rest = {PayloadClass.DEMONSTRATION, PayloadClass.UNCLASSIFIED}
    assert {combination.kind for combination in TABLES.combinations} == set(PayloadClass) - rest


def test_all_patterns_and_names_load() -> None:
    assert TABLES.calls.exact
    assert TABLES.programs.exact
    assert TABLES.references.exact
    assert TABLES.texts
    assert TABLES.runners[Language.PYTHON].exact


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[[class]]\nclass = 'x'\nall_of = [['a']]\nwhy = 'w'", "'x' is not a class"),
        ("[[class]]\nclass = 'network'\nwhy = 'w'", "'all_of' must be a list"),
        ("[[text]]\nsign = 'a'\npatterns = ['(']", "is not a pattern"),
        ("[[call]]\nnames = ['a']", "the key 'sign' is missing"),
        ("[[calls]]\nsign = 'a'", "unknown key 'calls'"),
        ("[[call", "can't read the payload tables"),
    ],
)
def test_a_wrong_table_is_refused_by_name(tmp_path: Path, content: str, words: str) -> None:
    for name in ("python.toml", "shell.toml", "text.toml", "classes.toml"):
        (tmp_path / name).write_text(content if name == "text.toml" else "", encoding="utf-8")
    tables = PayloadTables(tmp_path)
    with pytest.raises(UsageError, match=re.escape(words)):
        assert [tables.calls, tables.texts, tables.combinations] == []


def test_a_witness_is_of_the_text_and_the_layers_are_named() -> None:
    packed = base64.b64encode(b"import os\nos.system('cat /etc/shadow')").decode()
    found = {one.kind: one for one in classify(read_python(f"exec(b64('{packed}'))"))}
    assert found.keys() == {PayloadClass.CREDENTIAL_READ, PayloadClass.OBFUSCATED}
    read = found[PayloadClass.CREDENTIAL_READ]
    assert read.layers == ("base64",)
    assert read.witness == "/etc/shadow; cat('/etc/shadow')"
    assert read.text.startswith("import os")


def test_more_text_never_takes_a_class_away() -> None:
    text, expected = PYTHON_CASES["dup2 and call"]
    padded = "print('hello')\nimport math\nmath.sqrt(4)\n" + text + "\nprint('bye')"
    assert expected <= {found.kind.value for found in classify(read_python(padded))}


def test_programs_nested_without_end_are_cut_and_said() -> None:
    text = "print(1)"
    for _ in range(8):
        text = f"exec({text!r})"
    assert not unfold(read_python(text), TABLES).is_complete


def test_facts_of_bytecode_are_judged_like_those_of_source() -> None:
    facts = ScriptFacts(
        calls=(
            ScriptCall("socket.socket().connect", (("192.0.2.7", 1),)),
            ScriptCall("os.dup2", (Unknown.COMPUTED, 0)),
        ),
        imports=("socket", "os"),
    )
    assert [found.kind for found in classify(facts)] == [PayloadClass.REVERSE_SHELL]
    assert classify(facts)[0].witness == "socket.socket().connect(['192.0.2.7', 1]); os.dup2(..., 0)"
