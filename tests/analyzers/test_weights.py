"""Weights that should be inert: what is told of them, and what is handed on to be judged."""

from __future__ import annotations

import base64
import importlib.util
import json
import struct
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge import scan
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.weights import gguf, npy, safetensors, shard_index
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding, Severity
from weighbridge.core.limits import Budget, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.weights.gguf_layout import GgufAnomaly
from weighbridge.formats.weights.npy import NpyAnomaly
from weighbridge.formats.weights.safetensors import SafetensorsAnomaly
from weighbridge.formats.weights.shard_index import ShardPlace, shard_place
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.rules import load_rule_file

ROOT = Path(__file__).parents[2]
RULES = {
    rule.id: rule
    for family in ("safetensors", "gguf", "numpy")
    for rule in load_rule_file(ROOT / "signatures" / "rules" / f"{family}.toml")
}
CALLABLES = CallableKnowledge.load(ROOT / "signatures" / "callables")

Inspect = Callable[[Artifact, Context], Iterator[Event]]


def _load_samples() -> dict[str, bytes]:
    spec = importlib.util.spec_from_file_location("weights", ROOT / "samples" / "recipes" / "weights.py")
    assert spec is not None
    assert spec.loader is not None
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    return dict(recipe.samples())


SAMPLES = _load_samples()
EXPECTED = tomllib.loads((ROOT / "samples" / "expected" / "weights.toml").read_text())


def events_of(inspect: Inspect, data: bytes, *, name: str = "model") -> list[Event]:
    context = Context(Budget(Limits()), CALLABLES)
    events: list[Event] = []
    try:
        for event in inspect(Artifact((name,), MemorySource(data)), context):
            events.append(event)  # noqa: PERF402  what came before an error stays
    except (Malformed, LimitReached):
        pass
    return events


def rules_of(events: Iterable[Event]) -> list[str]:
    return sorted({event.rule for event in events if isinstance(event, Finding)})


def nested_of(events: Iterable[Event]) -> dict[str, bytes]:
    return {
        event.name: bytes(event.source.read_at(0, event.source.size))
        for event in events
        if isinstance(event, Artifact)
    }


def analyzer_for(name: str) -> Inspect:
    by_suffix: dict[str, Inspect] = {
        "safetensors": safetensors.inspect,
        "gguf": gguf.inspect,
        "npy": npy.inspect,
        "json": shard_index.inspect,
    }
    return by_suffix[name.rpartition(".")[2]]


def with_metadata(key: str, value: str) -> bytes:
    raw = json.dumps({"__metadata__": {key: value}}).encode()
    return struct.pack("<Q", len(raw)) + raw


def test_every_sample_has_an_expectation() -> None:
    assert set(SAMPLES) <= set(EXPECTED)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_sample_gives_the_rules_that_are_expected(name: str) -> None:
    found = rules_of(events_of(analyzer_for(name), SAMPLES[name], name=Path(name).name))

    # Of a template its digest is told, by a rule of another family, for information.
    told = [rule for rule in found if rule != "TPL022" and RULES[rule].severity > Severity.INFO]
    assert told == EXPECTED[name]["rules"]


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_the_verdict_of_a_sample_follows_from_its_rules(name: str) -> None:
    severities = [RULES[rule].severity for rule in EXPECTED[name]["rules"]]

    assert (EXPECTED[name]["verdict"] == "fail") is any(level >= Severity.HIGH for level in severities)


def test_every_rule_has_a_sample() -> None:
    hit = {
        rule
        for name, data in SAMPLES.items()
        for rule in rules_of(events_of(analyzer_for(name), data, name=Path(name).name))
    }

    # The formats before GGUF, free text and llamafiles have samples of their own: gguf_family.
    assert hit - {"TPL022"} == {rule for rule in RULES if not "GGF014" <= rule <= "GGF018"}


def test_every_anomaly_has_a_rule_that_exists() -> None:
    assert set(safetensors.RULES) == set(SafetensorsAnomaly)
    assert set(gguf.RULES) == set(GgufAnomaly)
    assert set(npy.RULES) == set(NpyAnomaly)
    used = {*safetensors.RULES.values(), *gguf.RULES.values(), *npy.RULES.values()}
    assert used <= set(RULES)


@pytest.mark.parametrize("name", ["trailing.safetensors", "trailing.gguf", "trailing.npy"])
def test_what_trails_is_handed_on(name: str) -> None:
    nested = nested_of(events_of(analyzer_for(name), SAMPLES[f"weights/{name}"]))

    assert list(nested) == ["trailing"]
    assert nested["trailing"].startswith(b"weighbridge-marker")


def test_what_stands_in_a_hole_or_behind_the_json_is_handed_on() -> None:
    hole = nested_of(events_of(safetensors.inspect, SAMPLES["weights/hole.safetensors"]))
    behind = nested_of(events_of(safetensors.inspect, SAMPLES["weights/after-json.safetensors"]))

    assert hole["hole-1"].startswith(b"weighbridge-marker")
    assert behind["hole-1"].startswith(b"weighbridge-marker")


@pytest.mark.parametrize("name", ["objects.npy", "object-field.npy"])
def test_the_payload_of_an_object_array_is_handed_on_as_a_pickle(name: str) -> None:
    nested = nested_of(events_of(npy.inspect, SAMPLES[f"weights/{name}"]))

    assert nested == {"pickle": b"\x80\x04]\x94(K\x01K\x02e."}


def test_the_payload_behind_a_broken_numpy_header_is_handed_on() -> None:
    nested = nested_of(events_of(npy.inspect, SAMPLES["weights/not-a-literal.npy"]))

    assert list(nested) == ["payload"]


def test_objects_behind_a_plain_array_in_one_file_are_found() -> None:
    data = SAMPLES["weights/benign.npy"] + SAMPLES["weights/objects.npy"]

    assert "pickle" in nested_of(events_of(npy.inspect, data))


def test_half_an_array_behind_an_array_is_trailing() -> None:
    data = SAMPLES["weights/benign.npy"] + b"\x93NUMPY\x09\x00"

    assert rules_of(events_of(npy.inspect, data)) == ["NPY004"]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_pickle_in_the_metadata_is_decoded_and_handed_on(
    protocol: int, encode: Callable[[bytes], bytes]
) -> None:
    pickled = bytes([0x80, protocol]) + b"X\x04\0\0\0\xc3\xbf\xc3\xbe."
    value = json.dumps({"config": encode(pickled).decode()})

    events = events_of(safetensors.inspect, with_metadata("args", value))

    assert rules_of(events) == ["ST011"]
    assert nested_of(events) == {"__metadata__/args": pickled}


@pytest.mark.parametrize(
    "target",
    [
        "subprocess.Popen",
        "builtins.exec",
        "runpy.run_path",
        "torch.load",
        "pickle.loads",
        "random._os.system",
    ],
)
def test_hydra_targets_that_run_their_arguments_are_told(target: str) -> None:
    spellings = [json.dumps({"_target_": target}), f"_target_: {target}\nargs: []", f"_target_={target}"]

    found = [rules_of(events_of(safetensors.inspect, with_metadata("c", text))) for text in spellings]

    assert found == [["ST012"]] * 3


@pytest.mark.parametrize(
    "value",
    [
        json.dumps({"_target_": "torch.nn.Linear"}),
        json.dumps({"_target_": "oscar.system.Model"}),
        json.dumps({"_target_": "pathlib.Path"}),
        json.dumps({"_target_": "hydra.utils.get_class", "path": "torch.nn.ReLU"}),
        json.dumps({"_target_": "functools.partial"}),
        "a plain caption that says os.system and _target_",
        "gASV",
        "gA" * 40,
        "a" * 64,
        "description of a <scripted> scene",
    ],
)
def test_ordinary_metadata_is_left_alone(value: str) -> None:
    assert events_of(safetensors.inspect, with_metadata("key", value)) == []


@pytest.mark.parametrize(
    ("inspect", "head"),
    [
        (safetensors.inspect, struct.pack("<Q", 2**40) + b"{}"),
        (gguf.inspect, b"GGUF\0\0\0\0"),
        (gguf.inspect, b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63)),
    ],
    ids=["safetensors", "gguf version", "gguf count"],
)
def test_what_stands_behind_a_broken_header_is_handed_on(inspect: Inspect, head: bytes) -> None:
    nested = nested_of(events_of(inspect, head + b"PK\3\4 archive"))

    assert nested["trailing"].endswith(b"PK\3\4 archive")


def test_what_may_stand_behind_a_tensor_of_unknown_size_is_handed_on() -> None:
    data = SAMPLES["weights/fork-type-benign.gguf"] + b"PK\3\4 archive"

    assert nested_of(events_of(gguf.inspect, data))["trailing"].endswith(b"PK\3\4 archive")


def test_more_holes_than_can_be_looked_at_are_a_limit() -> None:
    entries = {
        f"t{n}": {"dtype": "U8", "shape": [1], "data_offsets": [2 * n, 2 * n + 1]} for n in range(1, 400)
    }
    raw = json.dumps(entries).encode()
    artifact = Artifact(("m",), MemorySource(struct.pack("<Q", len(raw)) + raw + bytes(799)))

    with pytest.raises(LimitReached, match="holes"):
        list(safetensors.inspect(artifact, Context(Budget(Limits()), CALLABLES)))


def test_a_thousand_faults_of_one_kind_are_one_finding() -> None:
    entries = {f"t{n}": {"dtype": "U8", "shape": [2], "data_offsets": [n, n + 1]} for n in range(1_000)}
    raw = json.dumps(entries).encode()

    events = events_of(safetensors.inspect, struct.pack("<Q", len(raw)) + raw + bytes(1_000))

    assert rules_of(events) == ["ST007"]
    assert len(events) == 1
    assert isinstance(events[0], Finding)
    assert "and 995 more" in events[0].evidence


def test_the_fingerprint_survives_a_longer_header() -> None:
    entry = {"w": {"dtype": "U8", "shape": [2], "data_offsets": [0, 1]}}
    short = json.dumps(entry).encode()
    files = [struct.pack("<Q", len(raw)) + raw + b"1" for raw in (short, short + b" " * 64)]

    first, second = (events_of(safetensors.inspect, data)[0] for data in files)

    assert isinstance(first, Finding)
    assert isinstance(second, Finding)
    assert first.offset != second.offset
    assert first.fingerprint == second.fingerprint


def test_a_broken_header_is_told_before_it_is_raised() -> None:
    assert rules_of(events_of(safetensors.inspect, b"\xff" * 20)) == ["ST001"]
    assert rules_of(events_of(gguf.inspect, b"GGUF\0\0\0\0")) == ["GGF001"]
    assert rules_of(events_of(npy.inspect, b"\x93NUMPY\x07\x00" + bytes(20))) == ["NPY002"]


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("model-00001-of-00002.safetensors", ShardPlace.INSIDE),
        ("unet/model..fp16.safetensors", ShardPlace.INSIDE),
        ("../x.safetensors", ShardPlace.PARENT),
        ("a/../../x.safetensors", ShardPlace.PARENT),
        ("a\\..\\..\\x.safetensors", ShardPlace.PARENT),
        ("/etc/x", ShardPlace.ABSOLUTE),
        ("\\\\host\\share\\x", ShardPlace.ABSOLUTE),
        ("C:\\x.safetensors", ShardPlace.ABSOLUTE),
        ("~/x.safetensors", ShardPlace.ABSOLUTE),
        ("https://example.invalid/x.safetensors", ShardPlace.URL),
        ("file:///x", ShardPlace.URL),
    ],
)
def test_a_shard_name_leads_where_it_says(name: str, place: ShardPlace) -> None:
    assert shard_place(name) is place


@pytest.mark.parametrize("data", [b"[]", b'{"a": 1}', b'{"weight_map": []}', b"\xef\xbb\xbf{}"])
def test_json_that_is_no_index_has_nothing_to_say(data: bytes) -> None:
    assert events_of(shard_index.inspect, data) == []


def test_a_shard_that_is_no_string_is_told() -> None:
    assert rules_of(events_of(shard_index.inspect, b'{"weight_map": {"w": 1}}')) == ["ST016"]


def test_a_broken_index_is_malformed() -> None:
    artifact = Artifact(("x.index.json",), MemorySource(b'{"weight_map": '))
    context = Context(Budget(Limits()), CALLABLES)

    with pytest.raises(Malformed):
        list(shard_index.inspect(artifact, context))


FAMILIES: list[tuple[Inspect, bytes]] = [
    (safetensors.inspect, b""),
    (safetensors.inspect, b"\x20\0\0\0\0\0\0\0{"),
    (gguf.inspect, b"GGUF\3\0\0\0"),
    (npy.inspect, b"\x93NUMPY\1\0"),
    (shard_index.inspect, b'{"weight_map": '),
]


@given(st.binary(max_size=80), st.sampled_from(FAMILIES))
def test_any_bytes_give_events_and_no_other_error(data: bytes, family: tuple[Inspect, bytes]) -> None:
    inspect, magic = family

    events = events_of(inspect, magic + data)

    assert all(rule in RULES for rule in rules_of(events))


def test_a_target_that_fetches_another_is_judged_as_python_reads_its_json(tmp_path: Path) -> None:
    value = '{"x": NaN, "_target_": "hydra.utils.get_method", "path": "os.system"}'
    header = json.dumps({"__metadata__": {"config": value}}).encode()
    (tmp_path / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    assert "ST012" in {one.rule for one in scan(str(tmp_path / "a.safetensors")).findings}
