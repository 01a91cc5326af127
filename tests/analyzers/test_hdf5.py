"""HDF5 files: what refers elsewhere, what would be unpickled, and what is plain data."""

from __future__ import annotations

import pytest
from samples.recipes.hdf5 import samples as hdf5_samples
from samples.recipes.hdf5_writer import (
    BYTE,
    FLOAT,
    ROWS,
    Dataset,
    Group,
    attribute,
    external,
    soft,
    write,
)
from samples.recipes.keras import PICKLED_SYSTEM, hdf5_model, old_model

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.keras.hdf5 import inspect
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.report import Coverage
from weighbridge.errors import LimitReached, Malformed
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.locate import signatures_dir

ARRAY = Dataset(FLOAT, (4,), bytes(16))
KNOWLEDGE = CallableKnowledge.load(signatures_dir() / "callables")
SAMPLES = dict(hdf5_samples())


def events(data: bytes, name: str = "data.h5", limits: Limits | None = None) -> list[Event]:
    context = Context(Budget(limits or Limits()), KNOWLEDGE)
    return list(inspect(Artifact((name,), MemorySource(data)), context))


def rules(data: bytes, name: str = "data.h5") -> list[str]:
    return [event.rule for event in events(data, name) if isinstance(event, Finding)]


def nested(data: bytes) -> dict[str, bytes]:
    found = [event for event in events(data) if isinstance(event, Artifact)]
    return {one.name: bytes(one.source.read_at(0, one.source.size)) for one in found}


@pytest.mark.parametrize(
    "target",
    [
        "/etc/passwd",
        "../other.h5",
        "C:\\data\\other.h5",
        "\\\\host\\share\\x.h5",
        "https://host.example.invalid/x",
    ],
)
def test_a_link_out_of_the_folder_is_high_in_any_file(target: str) -> None:
    assert rules(write(Group({"x": external(target, "/y")}))) == ["HDF001"]


def test_a_link_to_a_file_beside_is_common_in_science_and_none_of_keras() -> None:
    links = {"layers": Group({"x": external("part-1.h5", "/y")})}

    assert rules(write(Group(links)), "data.h5") == ["HDF003"]
    assert rules(write(Group(links)), "model.weights.h5") == ["HDF002"]


def test_weights_are_known_by_their_attributes_too() -> None:
    group = Group({"x": external("part-1.h5", "/y")}, [attribute("layer_names", b"dense")])

    assert rules(write(group), "data.bin") == ["HDF002"]


def test_a_virtual_dataset_of_the_file_itself_refers_to_nothing() -> None:
    assert rules(SAMPLES["hdf5/virtual-here.twin.h5"]) == []


def test_a_soft_link_is_told_in_weights_only() -> None:
    data = write(Group({"x": ARRAY, "y": soft("/x")}))

    assert rules(data, "data.h5") == []
    assert rules(data, "model.weights.h5") == ["HDF005"]


def test_a_registered_filter_is_told_apart_from_an_unknown_one() -> None:
    for number, rule in ((32001, "HDF006"), (307, "HDF006"), (4711, "HDF007")):
        data = write(Group({"x": Dataset(FLOAT, (4,), filters=[(number, b"odd")])}))
        assert rules(data) == [rule]


def test_many_arrays_that_are_small_alone_are_a_bomb_together() -> None:
    array = Dataset(FLOAT, (10_000, 10_000), filters=[(1, b"deflate")])

    assert rules(write(Group({"x": array}))) == []
    assert rules(write(Group({f"x{number}": array for number in range(20)}))) == ["HDF008"]


def test_rows_of_objects_are_handed_on() -> None:
    marked = [attribute("PSEUDOATOM", b"object")]
    data = write(
        Group({"x": Dataset(ROWS, (2,), rows=[b"\x80\x04N.", PICKLED_SYSTEM], attributes=marked)})
    )

    assert nested(data) == {"/x[0]": b"\x80\x04N.", "/x[1]": PICKLED_SYSTEM}
    assert rules(data) == ["HDF010"]


def test_rows_that_nobody_unpickles_are_left_alone() -> None:
    assert events(write(Group({"x": Dataset(ROWS, (2,), rows=[b"\x80\x04N.", b"text"])}))) == []


def test_an_attribute_that_pytables_would_unpickle_is_handed_on() -> None:
    data = write(Group({}, [attribute("a", PICKLED_SYSTEM), attribute("b", b"A sentence.")]))

    assert nested(data) == {"/@a": PICKLED_SYSTEM}


def test_a_pickle_in_an_array_is_handed_on_where_it_lies() -> None:
    data = write(Group({"x": Dataset(BYTE, (len(PICKLED_SYSTEM),), PICKLED_SYSTEM)}))

    assert nested(data) == {"/x": PICKLED_SYSTEM}
    assert rules(data) == ["HDF011"]


def test_what_stands_before_and_behind_the_file_is_handed_on() -> None:
    data = write(Group({"x": ARRAY}), b"#!/bin/sh\n".ljust(512, b"\0")) + b"behind the end"

    assert list(nested(data)) == ["user block", "trailing"]


def test_the_configuration_of_a_model_is_judged_as_that_of_hdf5() -> None:
    config = old_model({"module": "os", "class_name": "function", "config": "system"})

    found = [event for event in events(hdf5_model(config), "model.h5") if isinstance(event, Finding)]

    assert [(one.rule, one.path) for one in found] == [("KER002", ("model.h5", "@model_config"))]


def test_a_configuration_that_is_no_json_is_told() -> None:
    data = write(Group({}, [attribute("model_config", b"{not json")]))

    (row,) = events(data)

    assert isinstance(row, Coverage)
    assert "no JSON" in row.detail


def test_what_was_met_before_a_limit_stays_told() -> None:
    links = {f"x{number}": external("/etc/other.h5", "/y") for number in range(5)}
    data = write(Group({**links, "z": Group({f"y{number}": ARRAY for number in range(20)})}))
    context = Context(Budget(Limits(entries=10)), KNOWLEDGE)
    found: list[Event] = []

    with pytest.raises(LimitReached):
        found.extend(inspect(Artifact(("data.h5",), MemorySource(data)), context))
    told = inspect(
        Artifact(("data.h5",), MemorySource(data)), Context(Budget(Limits(entries=10)), KNOWLEDGE)
    )

    first = next(told)
    assert isinstance(first, Finding)
    assert first.rule == "HDF001"


def test_a_file_that_is_not_hdf5_is_malformed() -> None:
    with pytest.raises(Malformed):
        events(b"\x89HDF\r\n\x1a\n" + bytes(100))
