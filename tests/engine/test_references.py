"""A model that needs another file: is it there, and is it long enough?"""

from __future__ import annotations

import json
from pathlib import Path

from weighbridge import scan
from weighbridge.core.reference import Reference
from weighbridge.engine.references import follow

DATA = Reference(path=("onnx/model.onnx",), name="model.onnx.data", end=100, what="a tensor")


def _rules(files: dict[str, int | None], reference: Reference = DATA) -> list[str]:
    return [finding.rule for finding in follow([reference], files)]


def test_a_file_that_is_long_enough_is_fine() -> None:
    assert _rules({"onnx/model.onnx": 10, "onnx/model.onnx.data": 100}) == []


def test_a_file_that_ends_too_early_is_told() -> None:
    assert _rules({"onnx/model.onnx": 10, "onnx/model.onnx.data": 99}) == ["REF001"]


def test_a_file_of_unknown_size_is_not_guessed_at() -> None:
    assert _rules({"onnx/model.onnx": 10, "onnx/model.onnx.data": None}) == []


def test_a_file_of_the_same_name_in_another_folder_is_another_file() -> None:
    assert _rules({"onnx/model.onnx": 10, "model.onnx.data": 100}) == ["REF002"]


def test_a_file_scanned_alone_has_its_neighbours_elsewhere() -> None:
    assert _rules({"onnx/model.onnx": 10}) == []


def test_a_member_of_an_archive_is_left_to_the_archive() -> None:
    inside = Reference(path=("a.zip", "model.onnx"), name="model.onnx.data", what="a tensor")
    assert _rules({"a.zip": 10, "b": 1}, inside) == []


def test_a_missing_shard_is_told_through_the_whole_program(tmp_path: Path) -> None:
    index = {"weight_map": {"a": "model-00001.safetensors", "b": "gone.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    header = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    shard = len(header).to_bytes(8, "little") + header + b"\0"
    (tmp_path / "model-00001.safetensors").write_bytes(shard)
    found = [one for one in scan(str(tmp_path)).findings if one.rule == "REF002"]
    assert [one.subject for one in found] == ["gone.safetensors"]
