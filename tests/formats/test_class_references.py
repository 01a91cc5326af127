"""Names of classes, as configurations of the hub spell them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.formats.documents.class_references import (
    Oddity,
    is_repository,
    leads_out,
    parse_reference,
)


@pytest.mark.parametrize(
    ("text", "repository", "module", "name"),
    [
        ("modeling_x.Model", None, "modeling_x", "Model"),
        ("some/else--modeling_x.Model", "some/else", "modeling_x", "Model"),
        ("gpt2--modeling.Model", "gpt2", "modeling", "Model"),
        ("folder/modeling-x.Model", None, "folder/modeling-x", "Model"),
    ],
)
def test_a_reference_has_repository_module_and_class(
    text: str, repository: str | None, module: str, name: str
) -> None:
    found = parse_reference(text)
    assert (found.repository, found.module, found.name) == (repository, module, name)
    assert found.oddity is None


@pytest.mark.parametrize(
    ("text", "oddity"),
    [
        ("https://example.invalid/x.Model", Oddity.ADDRESS),
        ("git@example.invalid:x.Model", Oddity.ADDRESS),
        ("/tmp/x.Model", Oddity.LEAVES),
        ("../x.Model", Oddity.LEAVES),
        ("a/../../x.Model", Oddity.LEAVES),
        ("~/x.Model", Oddity.LEAVES),
        ("..\\x.Model", Oddity.LEAVES),
        ("C:\\x.Model", Oddity.LEAVES),
        ("\\\\host\\share\\x.Model", Oddity.LEAVES),
        ("/tmp/folder--x.Model", Oddity.LEAVES),
        ("../folder--x.Model", Oddity.LEAVES),
        ("x.__globals__", Oddity.INNER),
        ("__main__.Model", Oddity.SHAPE),
        ("Model", Oddity.SHAPE),
        ("", Oddity.SHAPE),
        ("a.b.Model", Oddity.SHAPE),
        ("a--b--x.Model", Oddity.SHAPE),
        ("x.Model()", Oddity.SHAPE),
        ("a/b/c--x.Model", Oddity.SHAPE),
    ],
)
def test_what_no_writer_gives_is_odd(text: str, oddity: Oddity) -> None:
    assert parse_reference(text).oddity is oddity


@given(st.text(max_size=700))
def test_any_text_gives_a_reference(text: str) -> None:
    found = parse_reference(text)
    assert len(found.text) <= 500
    if found.oddity is None:
        assert not leads_out(found.module)
        assert found.name.isidentifier()


@given(st.text(alphabet="./\\~-:ab", max_size=12))
def test_a_module_without_oddity_stays_below_its_folder(text: str) -> None:
    found = parse_reference(f"{text}.Model")
    assert found.oddity is not None or ".." not in found.module.split("/")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("org/name", True), ("name", False), ("a/b/c", False), ("../name", False), ("/abs", False)],
)
def test_a_repository_is_owner_and_name(text: str, expected: bool) -> None:
    assert is_repository(text) is expected
