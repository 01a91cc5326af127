"""Cards, Croissant, indexes and Zarr: where data comes from, and how it is decoded."""

from __future__ import annotations

import pytest

from weighbridge.analyzers.datasets.dataset_cards import judge_text, judge_tree
from weighbridge.analyzers.inspection import Context
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget, Limits
from weighbridge.formats.documents.strict_json import Json
from weighbridge.knowledge.callables import CallableKnowledge

CONTEXT = Context(Budget(Limits()), CallableKnowledge.__new__(CallableKnowledge))
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def _tree(tree: Json) -> list[str] | None:
    events = judge_tree(Artifact(("x.json",), MemorySource(b"")), tree, CONTEXT)
    return None if events is None else [one.rule for one in events if isinstance(one, Finding)]


def _card(front: str, body: str = "") -> list[str] | None:
    text = f"---\n{front}\n---\n{body}"
    events = judge_text(Artifact(("README.md",), MemorySource(b"")), text, CONTEXT)
    return None if events is None else [one.rule for one in events if isinstance(one, Finding)]


@pytest.mark.parametrize(
    ("path", "rules"),
    [
        ("data/train-*.parquet", []),
        ("train[0-9].csv", []),
        ("../other/train.csv", ["DST016"]),
        ("/etc/passwd", ["DST016"]),
        ("file:///etc/passwd", ["DST016"]),
        ("C:\\\\data\\\\x.csv", ["DST016"]),
        ("https://example.invalid/train.csv", ["DST017"]),
        ("hf://datasets/other/name/train.csv", ["DST017"]),
        ("pipe:echo weighbridge-marker", ["DST015"]),
    ],
)
def test_data_files_of_a_card_are_judged_by_where_they_lead(path: str, rules: list[str]) -> None:
    quoted = '"' + path + '"'
    assert (
        _card(f"configs:\n- config_name: x\n  data_files:\n  - split: train\n    path: {quoted}")
        == rules
    )
    assert _card(f"configs:\n- config_name: x\n  data_files: {quoted}") == rules
    assert _card(f"configs:\n- config_name: x\n  data_files:\n    train: [{quoted}]") == rules


def test_a_card_without_data_files_is_not_claimed() -> None:
    assert _card("license: mit", "See ../../etc for data_files.") is None
    assert _card("configs: [", "data_files: ../x") is None


def test_code_in_a_card_that_pipes_is_told() -> None:
    code = 'wds.WebDataset("pipe:curl -s https://example.invalid/0.tar")'
    assert _card("license: mit", code) == ["DST014"]


@pytest.mark.parametrize(
    ("file", "rules"),
    [
        ({"sha256": DIGEST}, []),
        ({}, ["DST018"]),
        ({"md5": "0" * 32}, []),
        ({"sha256": "12"}, ["DST019"]),
        ({"contentUrl": "http://example.invalid/x", "sha256": DIGEST}, ["DST019"]),
        ({"contentUrl": "../x.csv", "sha256": DIGEST}, ["DST016"]),
        ({"contentUrl": "data/x.csv"}, []),
        ({"encodingFormat": "git+https", "sha256": "https://example.invalid/issue"}, []),
        ({"includes": ["*.csv", "/etc/*"], "sha256": DIGEST}, ["DST016"]),
    ],
)
def test_files_of_croissant_are_judged_by_place_and_digest(
    file: dict[str, Json], rules: list[str]
) -> None:
    base: dict[str, Json] = {"@type": "cr:FileObject", "contentUrl": "https://example.invalid/x"}
    assert _tree({"@type": "sc:Dataset", "distribution": [base | file]}) == rules


@pytest.mark.parametrize(("regex", "rules"), [("(a+)+$", ["DST028"]), ("^(?:train|test)/.+$", [])])
def test_a_repeat_in_a_repeat_is_told(regex: str, rules: list[str]) -> None:
    records: Json = [{"field": {"source": {"transform": {"regex": regex}}}}]
    assert _tree({"@type": "sc:Dataset", "distribution": [], "recordSet": records}) == rules


@pytest.mark.parametrize(
    "tree",
    [
        {"shardlist": [{"url": "pipe:echo weighbridge-marker"}]},
        {"train_data": "pipe:echo weighbridge-marker"},
        ["pipe:echo weighbridge-marker"],
        {"data": {"urls": ["a.tar", "pipe:echo weighbridge-marker"]}},
    ],
)
def test_commands_in_indexes_and_configurations_are_told(tree: Json) -> None:
    assert _tree(tree) == ["DST015"]


def test_other_documents_are_not_claimed() -> None:
    trees: list[Json] = [{"urls": ["a.tar"]}, {"note": "pipe:echo"}, {}, [], {"data_files": {}}, "x"]
    assert [_tree(tree) for tree in trees] == [None] * 6


@pytest.mark.parametrize(
    ("tree", "rules"),
    [
        ({"zarr_format": 2, "filters": [{"id": "pickle"}]}, ["DST023"]),
        ({"zarr_format": 2, "compressor": {"id": "blosc"}, "filters": None}, []),
        ({"zarr_consolidated_format": 1, "x": {"filters": [{"id": "Pickle"}]}}, ["DST023"]),
        ({"zarr_format": 3, "codecs": [{"name": "numcodecs.pickle"}]}, ["DST023"]),
        ({"zarr_format": 3, "codecs": [{"name": "bytes"}, {"name": "zstd"}]}, []),
        ({"zarr_format": 3, "attributes": {"name": "pickle"}}, []),
    ],
)  # fmt: skip
def test_zarr_codecs_are_judged(tree: Json, rules: list[str]) -> None:
    assert _tree(tree) == rules
