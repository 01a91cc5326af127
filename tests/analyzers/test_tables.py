"""Tables as text and JSON, TFRecord and jsonpickle."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from samples.recipes.datasets import example
from samples.recipes.datasets import tfrecord as record

from tests.analyzers.archive_events import Seen, look
from tests.formats.sparse_source import SparseSource
from weighbridge.analyzers.datasets import json_lines, lance, table_texts, table_trees, tfrecord
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.report import Outcome
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.identify import identify
from weighbridge.formats.kinds import Format
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.locate import signatures_dir

CALL = b"\x80\x02cposix\nsystem\n(S'echo weighbridge-marker'\ntR."


def _text(data: str, name: str) -> Seen:
    def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
        yield from table_texts.judge_text(artifact, data[:65536], context) or ()

    return look(inspect, data.encode(), name)


def test_csv_cells_are_named_by_the_header() -> None:
    seen = _text('id,text\n1,plain\n2,"=HYPERLINK(""x"")"\n', "x.csv")
    assert [(one.rule, one.route) for one in seen.findings] == [("CEL013", "column 'text'")]


def test_rows_that_differ_are_told() -> None:
    assert _text("a,b\n1,2\n1,2,3\n", "x.csv").rules == {"DST027"}


def test_a_text_with_tabs_is_a_table_under_any_name() -> None:
    assert _text("a\tb\n1\t<script >\n2\tx\n", "x.txt").rules == {"CEL007"}


def test_prose_is_no_table() -> None:
    assert _text("One, two.\nThree, <script >.\nFour, five.\n", "x.txt").findings == []


def test_a_large_remote_table_is_read_in_part_and_says_so() -> None:
    line = b'{"text": "' + b"x" * 1_000 + b'"}\n'
    source = SparseSource(64 << 20, {0: line * 5_000})
    seen = look(json_lines.inspect, source, "x.jsonl")
    assert source.bytes_read <= 5 << 20
    assert [row.outcome for row in seen.rows] == [Outcome.OPAQUE]


def test_lines_that_are_no_json_at_all_are_malformed() -> None:
    assert isinstance(look(json_lines.inspect, b"a\nb\n").error, Malformed)


def test_jsonpickle_is_judged_by_the_names_in_it() -> None:
    knowledge = CallableKnowledge.load(signatures_dir() / "callables")
    context = Context(Budget(Limits()), knowledge)
    rows = [{"py/function": "os.system"}, {"py/object": "example.Point"}, {"py/repr": "x"}]
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    events = json_lines.inspect(Artifact(("x",), MemorySource(data)), context)
    found = [one for one in events if isinstance(one, Finding)]
    assert [(one.rule, one.subject) for one in found] == [
        ("DST024", "os.system"),
        ("DST024", "x"),
        ("DST025", "jsonpickle"),
    ]


@pytest.mark.parametrize(
    "tree",
    [
        [{"a": "x"}, {"a": "<script >"}],
        {"data": [{"a": "x"}, {"a": "<script >"}]},
        {"columns": ["a"], "data": [["x"], ["<script >"]]},
        {"a": {"0": "x", "1": "<script >"}},
    ],
    ids=["records", "in a key", "split", "columns"],
)
def test_json_tables_are_searched_in_every_shape(tree: Json) -> None:
    def inspect(artifact: Artifact, context: Context) -> Iterator[Event]:
        yield from table_trees.judge_tree(artifact, tree, context) or ()

    assert look(inspect, b"").rules == {"CEL007"}


def test_other_json_is_no_table() -> None:
    context = Context(Budget(Limits()), CallableKnowledge.__new__(CallableKnowledge))
    artifact = Artifact(("x",), MemorySource(b""))
    trees: list[Json] = [
        {"model_type": "llama", "layers": [1, 2]},
        [1, 2],
        "text",
        {"a": {"b": "c"}},
        {},
    ]
    assert [table_trees.judge_tree(artifact, tree, context) for tree in trees] == [None] * 5


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b'{"a": 1}\n{"a": 2}\n', "x.json", Format.JSON_LINES),
        (b'{"a": 1}\n', "x.jsonl", Format.JSON_LINES),
        (b'{"a": "' + b"x" * 9_000 + b'"}\n{"a": 2}\n', "x.json", Format.JSON_LINES),
        (b'{"a": 1}\n', "x.json", Format.JSON),
        (b'{\n"a": 1}\n', "x.json", Format.JSON),
        (b"[1,\n[2]]\n", "x.json", Format.JSON),
        (b"a,b\n1,\0\n" + b"2,3\n" * 50, "x.csv", Format.TEXT),
    ],
)
def test_lines_and_documents_are_told_apart_by_content(data: bytes, name: str, kind: Format) -> None:
    assert identify(MemorySource(data), name) == (kind,)


def test_features_of_records_are_cells() -> None:
    data = record(example("text", b"<script >")) + record(example("object", CALL))
    seen = look(tfrecord.inspect, data)
    assert seen.rules == {"CEL007", "CEL012"}
    assert seen.contents == [("object row 2", CALL)]


def test_a_record_that_is_no_example_is_one_cell() -> None:
    assert look(tfrecord.inspect, record(CALL)).contents == [("record row 1", CALL)]


def test_a_broken_length_keeps_what_came_before() -> None:
    seen = look(tfrecord.inspect, record(example("text", b"<script >")) + bytes(20))
    assert seen.rules == {"CEL007", "DST012"}
    assert isinstance(seen.error, Malformed)


def test_a_record_longer_than_is_read_is_a_limit() -> None:
    assert isinstance(look(tfrecord.inspect, record(bytes(17 << 20))).error, LimitReached)


def test_a_lance_data_file_is_opaque_and_a_broken_manifest_is_not() -> None:
    data = bytes(40) + b"\xff" * 8 + bytes(4) + b"LANC"
    assert [row.outcome for row in look(lance.inspect, data, "x.lance").rows] == [Outcome.OPAQUE]
    assert isinstance(look(lance.inspect, data, "1.manifest").error, Malformed)
