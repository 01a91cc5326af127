"""What is told of a part of a program, and the questions that every judgement of programs asks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeGuard

from weighbridge.formats.anomaly import quoted
from weighbridge.formats.scripts.facts import Argument, ScriptCall, ScriptFacts, Unknown
from weighbridge.formats.scripts.python_flows import Flow
from weighbridge.formats.scripts.python_scopes import PythonScope
from weighbridge.knowledge.payload_tables import NameSign, installed_tables

RUNS_TEXT: Final = frozenset(
    {
        *(
            "exec",
            "eval",
            "compile",
            "execfile",
            "types.FunctionType",
            "types.CodeType",
            "timeit.timeit",
        ),
        *(
            "code.InteractiveInterpreter().runsource",
            "code.InteractiveInterpreter().runcode",
            "cProfile.run",
        ),
        *("code.InteractiveConsole().push", "IPython.get_ipython().run_cell", "runpy._run_code"),
    }
)
"""Calls that run what they are given; deserializers are judged by the formats that they read."""
OPENS: Final = ("open", "io.open", "codecs.open", "pathlib.Path().open")
_WRITERS: Final = (".write", ".write_bytes", ".write_text")
_TOKEN: Final = re.compile(
    r"^(?:(?P<hub>(?:HF|HUGGING_?FACE\w*)_TOKEN)|(?P<aws>AWS_(?:SECRET_ACCESS_KEY|SESSION_TOKEN|ACCESS_KEY_ID))"
    r"|(?P<git>(?:GITHUB|GITLAB|GH)_\w*TOKEN)|(?P<package>(?:NPM|PYPI)_\w*TOKEN)|AZURE_CLIENT_SECRET"
    r"|GOOGLE_APPLICATION_CREDENTIALS)$"
)
_ISSUERS: Final = {
    "hub": re.compile(r"(?i)huggingface\.co|\bhf\.co|HF_ENDPOINT"),
    "aws": re.compile(r"(?i)amazonaws\.com"),
    "git": re.compile(r"(?i)github\.com|gitlab\.com"),
    "package": re.compile(r"(?i)pypi\.org|npmjs\.(?:org|com)"),
}
"""Who gave a token may be told it."""
_SITE_FILE: Final = re.compile(r"(?i)site-packages|customize\.py")


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that a program is for: the rule, a word for it, and what shows it."""

    rule: str
    kind: str
    evidence: str
    line: int = 0


def told(rule: str, kind: str, call: ScriptCall, words: str) -> Told:
    """Say something of a call, with its line and its literal arguments."""
    shown = ", ".join(_spelled(value) for value in call.arguments[:3])
    return Told(rule, kind, f"line {call.place}: {call.name}({shown})"[:300] + f" {words}", call.place)


def told_of(scope: PythonScope, every: Iterable[Told]) -> Iterator[Told]:
    """Add which part it was, and what makes that part run."""
    for one in every:
        yield Told(one.rule, one.kind, f"{one.evidence} ({scope.name}: {scope.runs})", one.line)


@dataclass(frozen=True, slots=True)
class PartSigns:
    """Which signs the names of one part have, given what it imports."""

    imports: frozenset[str]

    def has(self, name: str, *signs: str) -> bool:
        """True when the call has one of the signs."""
        return any(
            one.sign in signs and one.holds("", self.imports, piped=False) for one in _signs_of(name)
        )

    def first(self, names: Iterable[str], *signs: str) -> str | None:
        """Return the first of the names that has a sign, or is the result of one that has."""
        for name in sorted(names):
            parts = name.split("()")
            for count in range(1, len(parts) + 1):
                if self.has("()".join(parts[:count]), *signs):
                    return name
        return None

    def call(self, facts: ScriptFacts, *signs: str) -> ScriptCall | None:
        """Return the first call with a sign whose literal arguments agree with it."""
        for call in facts.calls:
            for one in _signs_of(call.name):
                if one.sign in signs and one.holds(words_of(call), self.imports, piped=False):
                    return call
        return None


def part_signs(facts: ScriptFacts) -> PartSigns:
    """The signs of one part."""
    return PartSigns(frozenset(facts.imports))


def has_any_sign(name: str, signs: frozenset[str]) -> bool:
    """True when a call may have one of the signs, whatever is imported."""
    return any(one.sign in signs for one in _signs_of(name))


@lru_cache(maxsize=16_384)
def _signs_of(name: str) -> tuple[NameSign, ...]:
    return tuple(installed_tables().calls.find(name))


def matches(sign: str, text: str) -> bool:
    """True when a literal text has a sign."""
    return any(pattern.search(text) for one, pattern in installed_tables().texts if one == sign)


def token_in(flow: Flow, signs: PartSigns) -> str | None:
    """A token of this machine or its user in what a call is given, unless it goes to who issued it."""
    taken = signs.first(flow.sources, "takes_credentials")
    if taken is not None:
        return f"what {taken} gives"
    if not (signs.first(flow.sources, "reads_env") or "os.environ[]" in flow.sources):
        return None
    for text in sorted(flow.texts):
        match = _TOKEN.match(text)
        if match is not None and not _goes_home(match.lastgroup, flow):
            return text
    return None


def _goes_home(issuer: str | None, flow: Flow) -> bool:
    pattern = _ISSUERS.get(issuer or "")
    return pattern is not None and any(pattern.search(text) for text in flow.texts)


def starting_place(texts: Iterable[str]) -> str | None:
    """The first text that names a file which is run at every login, start or import."""
    for text in sorted(texts):
        is_weights = text.endswith(".pth") and not _SITE_FILE.search(text)
        if len(text) < 300 and not is_weights and matches("persistence_path", text):
            return text
    return None


def opening_mode(call: ScriptCall) -> str:
    """The mode that a call of `open` is given."""
    at = 0 if call.name.startswith("pathlib.") else 1
    given = [value for name, value in call.keywords if name == "mode"]
    given += list(call.arguments[at : at + 1])
    return next((one for one in given if is_text(one)), "r")


def is_writer(call: ScriptCall) -> bool:
    """True for the methods that write to what was opened."""
    return call.name.endswith(_WRITERS)


def is_writer_name(name: str) -> bool:
    """True for the names of such methods."""
    return name.endswith(_WRITERS)


def is_writing(call: ScriptCall) -> bool:
    """True for a call that writes a file, or opens one to write."""
    return is_writer(call) or (call.name in OPENS and bool(set(opening_mode(call)) & set("wax+")))


def words_of(call: ScriptCall) -> str:
    """The literal words that a call is given."""
    given = [*call.arguments, *(value for _, value in call.keywords)]
    flat = [item for value in given for item in (value if isinstance(value, tuple) else (value,))]
    return " ".join(str(item)[:4096] for item in flat if is_text(item) or isinstance(item, bytes))


def is_text(value: object) -> TypeGuard[str]:
    """True for a literal; what is computed is marked by a word of an enum."""
    return isinstance(value, str) and not isinstance(value, Unknown)


def _spelled(value: Argument) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_spelled, value[:8]))}]"
    if isinstance(value, bytes):
        return quoted(value.decode("latin-1"))
    return "..." if isinstance(value, Unknown) else quoted(str(value))
