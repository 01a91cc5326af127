"""ExecuTorch files: what the compiler writes is in order, and each number that leads astray is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.recipes.torch_family import Fields, flatbuffer, mobile, plan, ptd, pte, tensor

from tests.formats.sparse_source import SparseSource
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.limits import GIB, KIB, Budget, Limits
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.torch.executorch import (
    ExecutorchAnomaly,
    ExecutorchFile,
    bundled_program,
    parse_executorch,
)
from weighbridge.formats.torch.mobile import parse_mobile


def parsed(data: bytes) -> ExecutorchFile:
    return parse_executorch(MemorySource(data), Budget(Limits()))


def kinds(data: bytes) -> set[ExecutorchAnomaly]:
    return {one.kind for one in parsed(data).anomalies}


def with_plan(**changes: object) -> bytes:
    """A program of one plan, two values and one operator."""
    parts: dict[str, object] = {
        "values": [tensor(2, 3), tensor(2, 3)],
        "operators": [("aten::relu", "out")],
        "call": {0: ("B", 1), 1: {0: ("i", 0), 1: ("i", [0, 1])}},
        "delegates": [],
    }
    root: Fields = {0: ("I", 0), 1: [plan(**(parts | changes))]}  # type: ignore[arg-type]  # parts are typed by plan
    return flatbuffer(root, b"ET12")


def test_a_program_names_its_methods_operators_and_delegates() -> None:
    found = parsed(pte())
    assert (found.methods, found.operators) == (("forward",), ("aten::relu.out",))
    assert [(one.name, one.size) for one in found.delegates] == [("XnnpackBackend", 16)]
    assert found.anomalies == ()


def test_a_program_without_its_extended_header_is_read_as_well() -> None:
    assert parsed(with_plan()).anomalies == ()


@pytest.mark.parametrize(
    ("sizes", "kind"),
    [
        ((-1, 3), ExecutorchAnomaly.NEGATIVE_SIZE),
        ((2**31 - 1,) * 3, ExecutorchAnomaly.SIZE_OVERFLOW),
        ((1,) * 17, ExecutorchAnomaly.TOO_MANY_DIMS),
    ],
)
def test_an_impossible_shape_is_told(sizes: tuple[int, ...], kind: ExecutorchAnomaly) -> None:
    assert kinds(pte(sizes=sizes)) == {kind}
    assert kinds(ptd(*sizes)) == {kind}


def test_an_order_of_dimensions_that_is_none_is_told() -> None:
    odd: Fields = {0: ("B", 5), 1: {0: ("b", 6), 2: ("i", [2, 3]), 3: ("B", [0, 9])}}
    assert kinds(with_plan(values=[odd, tensor(1)])) == {ExecutorchAnomaly.BAD_DIM_ORDER}


def test_a_scalar_type_outside_of_the_table_is_told() -> None:
    odd: Fields = {0: ("B", 5), 1: {0: ("b", 99), 2: ("i", [2]), 3: ("B", [0])}}
    assert kinds(with_plan(values=[odd, tensor(1)])) == {ExecutorchAnomaly.UNKNOWN_SCALAR_TYPE}


@pytest.mark.parametrize(
    "call",
    [
        {0: ("B", 1), 1: {0: ("i", 1), 1: ("i", [0])}},
        {0: ("B", 1), 1: {0: ("i", -1), 1: ("i", [0])}},
        {0: ("B", 1), 1: {0: ("i", 0), 1: ("i", [2])}},
        {0: ("B", 2), 1: {0: ("i", 0), 1: ("i", [0])}},
        {0: ("B", 3), 1: {0: ("i", 0), 1: ("i", 7)}},
        {0: ("B", 4), 1: {0: ("i", 0), 1: ("i", 3)}},
        {0: ("B", 5), 1: {0: ("i", 2)}},
    ],
    ids=["operator", "negative", "argument", "delegate", "move", "jump", "free"],
)
def test_an_instruction_that_points_beyond_a_table_is_told(call: Fields) -> None:
    assert kinds(with_plan(call=call)) == {ExecutorchAnomaly.INDEX_OUTSIDE}


def test_an_instruction_of_no_kind_is_told() -> None:
    assert kinds(with_plan(call={0: ("B", 9), 1: {}})) == {ExecutorchAnomaly.UNKNOWN_INSTRUCTION}


def test_a_list_of_tensors_that_leads_beyond_the_values_is_told() -> None:
    values = [{0: ("B", 10), 1: {0: ("i", [0, 5])}}, tensor(1)]
    assert kinds(with_plan(values=values)) == {ExecutorchAnomaly.INDEX_OUTSIDE}


def test_an_optional_list_may_leave_elements_out() -> None:
    values = [{0: ("B", 11), 1: {0: ("i", [1, -1])}}, tensor(1)]
    assert kinds(with_plan(values=values)) == set()


def test_a_segment_that_overflows_is_told_from_one_that_is_cut() -> None:
    assert kinds(pte(segment=(2**64 - 8, 16))) == {ExecutorchAnomaly.SEGMENT_OVERFLOW}
    assert kinds(pte()[:-1]) == {ExecutorchAnomaly.SEGMENT_OUTSIDE}


def test_a_bundle_gives_its_program() -> None:
    program = pte()
    data = flatbuffer({0: ("I", 0), 2: program}, b"BP08")
    found = bundled_program(MemorySource(data))
    assert found is not None
    assert data[found.start :][: found.size] == program
    assert bundled_program(MemorySource(program)) is None


def test_the_weights_of_a_large_program_are_not_read() -> None:
    data = pte(segment=(0, 8 * GIB))
    source = SparseSource(8 * GIB + 1 * KIB * KIB, {0: data})
    found = parse_executorch(source, Budget(Limits()))
    assert found.anomalies == ()
    assert source.bytes_read < 64 * KIB


def test_tables_that_are_named_a_million_times_end_the_reading() -> None:
    values = ("i", [0] * 500_000)
    call = {0: ("B", 1), 1: {0: ("i", 0), 1: values}}
    root = {0: ("I", 0), 1: [plan(values=[tensor(1)] * 2, operators=[], call=call, delegates=[])] * 20}
    with pytest.raises(LimitReached):
        parsed(flatbuffer(root, b"ET12"))


@pytest.mark.parametrize("data", [pte(), ptd(2, 2), with_plan()], ids=["pte", "ptd", "headless"])
def test_a_file_that_is_cut_anywhere_is_malformed_or_read(data: bytes) -> None:
    outcomes = set()
    for stop in range(len(data)):
        try:
            parsed(data[:stop])
            outcomes.add("read")
        except Malformed:
            outcomes.add("malformed")
    assert "malformed" in outcomes


@given(st.binary(max_size=400), st.sampled_from([b"ET12", b"FT01FH01", b"ET12eh00"]))
def test_any_bytes_are_read_or_malformed(tail: bytes, identifier: bytes) -> None:
    data = b"\x10\0\0\0" + identifier + tail
    try:
        assert isinstance(parsed(data), ExecutorchFile)
    except (Malformed, LimitReached):
        return


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_a_program_with_any_bytes_changed_is_read_or_malformed(at: int, change: bytes) -> None:
    data = bytearray(pte())
    at %= len(data)
    data[at : at + len(change)] = change
    try:
        assert isinstance(parsed(bytes(data)), ExecutorchFile)
    except (Malformed, LimitReached):
        return


def test_a_mobile_module_names_operators_classes_and_files() -> None:
    data = mobile("aten::add", "__torch__.Net", "class Net(Module):\n")
    found = parse_mobile(MemorySource(data), Budget(Limits()))
    assert (found.operators, found.classes) == (("aten::add",), ("__torch__.Net",))
    (carried,) = found.files
    assert carried.name == "code/__torch__.py"
    assert data[carried.start :][: carried.size] == b"class Net(Module):\n"


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_a_mobile_module_with_any_bytes_changed_is_read_or_malformed(at: int, change: bytes) -> None:
    data = bytearray(mobile("aten::add", "__torch__.Net", "class Net(Module):\n"))
    at %= len(data)
    data[at : at + len(change)] = change
    try:
        assert parse_mobile(MemorySource(bytes(data)), Budget(Limits())).operators is not None
    except (Malformed, LimitReached):
        return
