"""Laws of the readers: any text and any bytes give a value, within bounds, and nothing runs."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.formats.scripts.layers import PeelBudget, peel
from weighbridge.formats.scripts.programs import read_program
from weighbridge.formats.scripts.python_loose import read_loosely
from weighbridge.formats.scripts.python_source import read_python
from weighbridge.formats.scripts.python_tokens import shape, tokens
from weighbridge.formats.scripts.shell import read_argv, read_shell
from weighbridge.knowledge.payloads import classify

# Pieces stand between bars, so that the list stays readable.
_PYTHON_WORDS = (
    "import os|from x import y as z|exec|eval|(|)|[|]|{|}|'a'|\"b\"|'''|\"\"\""
    "|f'{x}'|b'\\xff'|=|+=|+|*|%|:|;"
    "|\n|    |lambda x: x|.join|.decode()|.format|for i in|if|else|not|-|~|**|1"
    "|10**9|chr(|getattr(|@|:=|..."
    "|base64.b64decode(|__import__|x|y|self.z|,|\\|#|\0|\t|print 'x'|except E, e:"
    "|async|await|yield|def f(a):"
    "|class A:|é|\ud800|%s|{}|{0}|[::-1]|int(|range(|str(|bytes(|codecs.decode("
    "|'rot13'|.replace(|.split("
    "|zlib.decompress("
)
_SHELL_WORDS = (
    "echo `sh -c `bash`'`\"`$(`)`${x}`$x`|`;`&&`||`&`>`>>`<<<`<(`2>&1"
    "`/dev/tcp/192.0.2.1/1`\\`\n`#`base64 -d"
    "`xxd -r -p`python -c `powershell -enc `cmd /c `C:\\a.exe`^`%X%`=`A=1 `sudo "
    "`eval `aWQ=`$'\\x41'` `{`}`!`("
    "`timeout 5 `\0`é`\ud800"
)
_PYTHON_PIECES = st.sampled_from(_PYTHON_WORDS.split("|"))
_SHELL_PIECES = st.sampled_from([*_SHELL_WORDS.split("`"), "`"])
_python = st.one_of(st.text(max_size=200), st.lists(_PYTHON_PIECES, max_size=30).map("".join))
_shell = st.one_of(st.text(max_size=200), st.lists(_SHELL_PIECES, max_size=30).map("".join))


@given(_python)
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_as_python(text: str) -> None:
    facts = read_python(text)
    assert facts.text == facts.text[:4096]
    assert classify(facts)


@given(_shell)
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_as_a_command_line(text: str) -> None:
    assert classify(read_shell(text))


@given(_python)
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_loosely_and_never_completely(text: str) -> None:
    assert read_loosely(text).is_complete is False


@given(st.one_of(_python, _shell))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_as_some_program(text: str) -> None:
    assert read_program(text).language is not None


@given(st.lists(_shell, max_size=6))
@settings(max_examples=200, deadline=None)
def test_any_words_are_read_as_a_program_and_its_arguments(words: list[str]) -> None:
    assert len(read_argv(words).calls) == 1


@given(st.one_of(st.text(max_size=300), st.binary(max_size=300)))
@settings(max_examples=400, deadline=None)
def test_any_content_is_peeled_within_the_depth(content: str | bytes) -> None:
    assert all(1 <= len(found.layers) <= 5 for found in peel(content))


@given(_python)
@settings(max_examples=200, deadline=None)
def test_tokens_lie_in_the_text_in_its_order(text: str) -> None:
    at = 0
    for token in tokens(text):
        at = text.index(token.text, at) + len(token.text)
    assert at <= len(text)
    assert shape(text, 10**6).tokens == len(list(tokens(text)))


@pytest.mark.parametrize(
    "text",
    [
        "x = 'a' * 10**9",
        "x = 'a' * 10**9 * 10**9",
        "x = 10 ** 10 ** 10",
        "x = 1 << 10**9",
        "x = [0] * 10**9",
        "x = (('a' * 1000000) * 1000) * 1000",
        "x = ''.join(['a' * 1000000] * 1000)",
        "x = ''.join(''.join(''.join('a' * 99 for i in range(99)) for i in 'ab' * 9) for i in 'cd' * 9)",
        "x = 'a' * 4000000\n" + "y = x + x\n" * 1000,
        "x = 'a'\n" + "x += x\n" * 100,
        "x = list(range(10**12))",
        "x = '%1000000000d' % 1",
        "x = '{:>1000000000}'.format(1)",
        "x = '{0.__class__}'.format(1)",
        "x = 'a'.replace('', 'b' * 100000).replace('', 'c' * 100000)",
        "x = [[[[0 for a in range(9999)] for b in range(9999)] for c in range(999)] for d in range(99)]",
        "x = str(1 << 4000) * 100000",
        "x = bytes(10**9)",
        "x = " + "+".join(["'a'"] * 50_000),
        "x = " + "-" * 50_000 + "1",
        "x = " + "a" + ".b" * 50_000,
        "x = " + "a" + "()" * 50_000,
        "x = " + "(" * 1_000 + ")" * 1_000,
        "x = " + "[" * 100_000,
        "\n".join(" " * depth + "if x:" for depth in range(1_000)),
        "lambda:" * 20_000 + "1",
        "'" * 100_000,
        '"\\' * 100_000,
        "exec('" * 200,
        "a = b = " * 20_000 + "1",
    ],
    ids=range(30),
)
def test_a_text_that_would_cost_much_is_read_within_bounds(text: str) -> None:
    facts = read_python(text)
    sizes = [len(found) for found in facts.strings]
    assert sum(sizes) <= 16 << 20


@pytest.mark.parametrize(
    "text",
    [
        "$(" * 5_000,
        "`" * 20_001,
        "sh -c '" * 2_000,
        'eval "' * 2_000,
        "echo a | " * 5_000,
        "(" * 50_000,
        "a;" * 50_000,
        '"' * 50_001,
        "<(" * 20_000,
        "echo 'x" * 10_000,
        "A=" * 50_000,
        "sudo " * 10_000,
    ],
    ids=range(12),
)
def test_a_command_line_that_would_cost_much_is_read_within_bounds(text: str) -> None:
    facts = read_shell(text)
    assert len(facts.calls) <= 2_000


def test_a_bomb_behind_compression_is_refused_and_said() -> None:
    budget = PeelBudget()
    assert list(peel(zlib.compress(bytes(100 << 20), 9), budget)) == []
    assert budget.is_crossed
