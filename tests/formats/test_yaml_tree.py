"""YAML is read as every loader reads it, tags are kept as facts, and nothing explodes."""

from __future__ import annotations

import contextlib

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.documents.ini_tree import parse_ini
from weighbridge.formats.documents.toml_tree import parse_toml
from weighbridge.formats.documents.yaml_tree import (
    LARGEST_BYTES,
    YamlStream,
    decode_yaml_bytes,
    parse_yaml,
)

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text("ab :#[{'\"\n-é", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
    ),
    max_leaves=12,
)
SYNTAX = st.text("ab:-[]{}&*!<>|%\"'#, \n?/.0~\\Uux\t", max_size=80)


@given(PLAIN)
def test_what_a_writer_writes_is_read_back(value: object) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    assert parse_yaml(text).documents == (value,)


@given(SYNTAX)
@settings(max_examples=300)
def test_any_text_gives_a_stream(text: str) -> None:
    assert isinstance(parse_yaml(text), YamlStream)


@given(SYNTAX)
@settings(max_examples=300)
def test_a_text_is_broken_whenever_the_composer_refuses_it(text: str) -> None:
    try:
        list(yaml.compose_all(text, Loader=yaml.SafeLoader))
        refused = False
    except (yaml.YAMLError, ValueError, OverflowError, IndexError):
        refused = True
    # A second anchor of one name is refused by the composer of PyYAML alone; YAML allows it.
    assert refused or parse_yaml(text).broken is None


TOKENS = (
    *("!!python/name:a.b ", "!x ", "!!js/f ", "!!str ", "%TAG ! tag:yaml.org,2002:python/\n"),
    *("&a ", "*a", "- ", "? ", ": ", "a", "''", "[", "]", "{", "}", ", "),
    *("\n", "\n  ", "---\n", "|\n  "),
)


def _composed(text: str) -> set[str]:
    """The tags that a loader of PyYAML meets."""
    found: set[str] = set()
    stack: list[object] = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack.extend(node)
        elif isinstance(node, yaml.Node):
            found.add(node.tag.removeprefix("tag:yaml.org,2002:"))
            stack.extend(node.value if isinstance(node.value, list) else ())
    return {tag for tag in found if not tag.isalpha()}


@given(st.lists(st.sampled_from(TOKENS), max_size=24))
@settings(max_examples=500)
def test_every_tag_that_a_loader_meets_is_kept(tokens: list[str]) -> None:
    try:
        met = _composed("".join(tokens))
    except (yaml.YAMLError, RecursionError):
        met = set()
    assert met <= {one.tag for one in parse_yaml("".join(tokens)).tags}


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("a: !!python/object/apply:os.system [x]", "python/object/apply:os.system"),
        ("a: !<tag:yaml.org,2002:python/name:os.system> ''", "python/name:os.system"),
        ("%TAG ! tag:yaml.org,2002:python/\n---\n!name:os.system ''", "python/name:os.system"),
        ("!!python/object/apply:%6fs.system []", "python/object/apply:os.system"),
        ("? !!python/name:os.system ''\n: 1", "python/name:os.system"),
        ("a: 1\n---\nb: [!!js/function 'f']", "js/function"),
    ],
)
def test_a_tag_is_kept_however_it_is_spelled(text: str, tag: str) -> None:
    stream = parse_yaml(text)
    assert [(one.tag, one.is_core) for one in stream.tags] == [(tag, True)]


def test_tags_of_the_core_schema_are_no_facts() -> None:
    assert parse_yaml("[!!str a, !!int 1, ! b, !!binary Zg==, !!set {x}]").tags == ()


def test_the_place_of_a_tag_is_a_pointer_and_a_line() -> None:
    (tag,) = parse_yaml("a:\n  - 1\n  - !Ref x\n").tags
    assert (tag.place, tag.line, tag.scalar, tag.is_core) == ("/a/1", 3, "x", False)


def test_what_comes_before_a_broken_tail_stays() -> None:
    stream = parse_yaml("a: !!python/name:os.system ''\n---\nb: [1, 2\n--- }")
    assert stream.documents[0] == {"a": ""}
    assert len(stream.tags) == 1
    assert isinstance(stream.broken, Malformed)


def test_aliases_are_shared_and_merge_keys_are_merged() -> None:
    stream = parse_yaml("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: [*x]\n")
    assert stream.documents == ({"x": {"a": 1, "b": 2}, "y": {"a": 1, "b": 3}, "z": [{"a": 1, "b": 2}]},)
    assert stream.alias_nodes == 10


def test_of_two_merged_mappings_the_first_wins() -> None:
    (tree,) = parse_yaml("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}").documents
    assert isinstance(tree, dict)
    assert tree["c"] == {"x": 1, "y": 2}


def test_an_alias_to_a_node_around_it_is_cut() -> None:
    stream = parse_yaml("a: &a\n  b: *a\n")
    assert (stream.documents, stream.recursive) == (({"a": {"b": None}},), ("/a/b",))


def test_a_billion_laughs_end_at_the_limit() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    text += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    assert isinstance(parse_yaml(text).broken, LimitReached)


def test_a_merged_billion_ends_at_the_limit() -> None:
    keys = ", ".join(f"k{n}: 1" for n in range(5_000))
    text = f"a: &a {{{keys}}}\n" + "".join(f"b{n}: {{<<: *a}}\n" for n in range(1_000))
    assert isinstance(parse_yaml(text).broken, LimitReached)


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 50_000, "{a: " * 50_000, "? " * 50_000])
def test_deep_nesting_ends_at_the_limit_or_as_malformed(text: str) -> None:
    assert isinstance(parse_yaml(text).broken, LimitReached | Malformed)


@pytest.mark.parametrize(
    "text",
    [
        'a: "\\UFFFFFFFF"',
        "%YAML 1." + "9" * 5_000 + "\n---\na",
        "*a",
        "a: \x00",
        "!<%FF> a",
        "&",
        "a: 'b",
    ],
)
def test_broken_spelling_is_malformed(text: str) -> None:
    assert isinstance(parse_yaml(text).broken, Malformed)


def test_a_text_over_the_limit_is_not_read() -> None:
    assert isinstance(parse_yaml("a" * (LARGEST_BYTES + 1)).broken, LimitReached)


def test_keys_that_stand_twice_are_told() -> None:
    stream = parse_yaml("a: {x: 1, x: 2}")
    assert (stream.documents, stream.duplicate_keys) == (({"a": {"x": 2}},), ("/a/x",))


def test_the_check_ends_the_reading() -> None:
    def spent() -> None:
        raise LimitReached("no time")

    assert isinstance(parse_yaml("a: 1", check=spent).broken, LimitReached)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("é: 1".encode("utf-16"), "é: 1"),
        (b"\xef\xbb\xbfa: 1", "a: 1"),
        (b"a: \xe9", "a: é"),
    ],
)
def test_bytes_are_decoded_as_loaders_do(data: bytes, text: str) -> None:
    assert decode_yaml_bytes(data) == text


def test_ini_sections_nest_by_their_dots() -> None:
    tree = parse_ini('[a]\nx = 1\n[a.b]\n@y = "z"\nlist = ["p", null]\ntext = two words\n')
    assert tree == {"a": {"x": 1, "b": {"@y": "z", "list": ["p", None], "text": "two words"}}}


@given(st.text("[]a.=\n\"' %{}:;#", max_size=60))
def test_any_text_is_ini_or_malformed(text: str) -> None:
    with contextlib.suppress(Malformed):
        assert isinstance(parse_ini(text), dict)


def test_ini_nested_too_deeply_is_malformed() -> None:
    with pytest.raises(Malformed):
        parse_ini("[" + ".".join("a" * 100) + "]\nx = 1")


@pytest.mark.parametrize("text", ["a = [", "a = " + "[" * 5_000, "[x]\n[x]", "a = 1e", "\x00"])
def test_broken_toml_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_toml(text)


def test_toml_dates_are_text() -> None:
    assert parse_toml("a = 2027-01-31\nb = [1, {c = true}]") == {
        "a": "2027-01-31",
        "b": [1, {"c": True}],
    }
