"""Hydra and OmegaConf configurations: `_target_` names what an instantiation calls.

The same idea goes by other keys elsewhere: `target` with `params` (latent diffusion), `class_path`
with `init_args` (Lightning), `_component_` (torchtune), `class` beside `__kind__` (GluonTS),
`py/object` (jsonpickle), `()` (logging). Each of them is a name that a loader imports and calls
with arguments from the same file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from weighbridge.analyzers.configuration.config_expressions import harmful_names, imports_of
from weighbridge.analyzers.configuration.config_trees import (
    interpolated,
    items_of,
    mappings,
    nodes,
    survey,
    text_of,
)
from weighbridge.analyzers.configuration.target_weights import Weighed, Weight, weigh_target
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json

RUNS, REACHES, UNKNOWN, KNOWN, LOADS, OPENS = "CFG001", "CFG002", "CFG003", "CFG004", "CFG005", "CFG006"
_SECRETS, _EXPRESSION, _COMPUTED = "CFG007", "CFG008", "CFG009"

_ALWAYS: Final = (
    "_target_",
    "__target__",
    "_component_",
    "py/object",
    "py/type",
    "py/function",
    "class_path",
)
_WITH_SIBLING: Final = (("target", ("params",)), ("class", ("__kind__",)))
_SOMETIMES: Final = ("target", "()", "type", "cls", "class", "func", "callable", "factory")
"""Keys that mean a call to some loaders: told only of a name that can't be there for another reason."""
_CERTAIN_KEYS: Final = frozenset((*_ALWAYS, "__kind__"))

GETTERS: Final = frozenset(
    f"hydra.utils.{name}" for name in ("get_class", "get_method", "get_static_method", "get_object")
)
"""They return what their argument `path` names."""

_NAME = re.compile(r"[^\W\d]\w*(?:[.:][^\W\d]\w*)*\Z")
_ENVIRONMENT = re.compile(r"\$\{\s*(?:oc\.env|env|oc\.decode:\$\{oc\.env)\s*:\s*([\w-]{1,100})")
_SECRET = re.compile(r"TOKEN|SECRET|PASSW|API_?KEY|ACCESS_?KEY|CREDENTIAL|PRIVATE_?KEY", re.IGNORECASE)
_EVALUATED = re.compile(
    r"\$\{\s*(?:oc\.)?(?:eval|exec|py|python|expr|shell|cmd|sh)\w*\s*:(.{1,2000})\}", re.S
)
_SHELL = re.compile(r"\$\{\s*(?:shell|cmd|sh|bash|os\.system|subprocess)\s*:")
_IN_RASA = re.compile(r"/(?:pipeline|policies)/\d+\Z")
_MOST_OF_A_KIND = 100
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class NamedCall:
    """A place of a configuration that names what to call."""

    target: str
    key: str
    route: str
    arguments: Mapping[str, Json]
    is_certain: bool
    """False for keys that mean a call to some loaders only."""


def judge_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
    """Judge a document that names what to call, or that reads the environment or evaluates text."""
    found = survey(tree, _CERTAIN_KEYS, frozenset(_SOMETIMES) | {"name"})
    if not found.keys and not found.references:
        return None
    calls = tuple(named_calls(tree)) if found.keys else ()
    certain = [call for call in calls if call.is_certain]
    events = list(_uncertain(artifact, calls, context))
    if found.references or (certain and found.expressions):
        events += _texts(artifact, tree, context, bool(certain))
    if not certain and not events:
        return None
    return _judged(artifact, tree, certain, events, context)


def harmful_calls(tree: Json, context: Context) -> Iterator[Weighed]:
    """Yield what a document surely calls and that reaches or runs something."""
    for call in named_calls(tree):
        weighed = _weigh(call, tree, context) if call.is_certain else None
        if weighed is not None and weighed.weight >= Weight.REACHES:
            yield weighed


def named_calls(tree: Json) -> Iterator[NamedCall]:
    """Yield every call that a document names, in the order of the document."""
    always = (*_ALWAYS, *_keys_of_kind(tree))
    for route, mapping in mappings(tree):
        told: set[str] = set()
        for key in always:
            if key == "name" and _IN_RASA.search(route) is None:
                continue
            yield from _call(mapping, key, route, told, is_certain=True)
        for key, siblings in _WITH_SIBLING:
            if any(sibling in mapping for sibling in siblings):
                yield from _call(mapping, key, route, told, is_certain=True)
        for key in _SOMETIMES:
            yield from _call(mapping, key, route, told, is_certain=False)


def _keys_of_kind(tree: Json) -> tuple[str, ...]:
    """Return the further keys that name what to call in the configurations of some libraries."""
    if not isinstance(tree, Mapping):
        return ()
    if "model" in tree and {"dataset_reader", "validation_dataset_reader"} & set(tree):
        return ("type",)  # AllenNLP imports a dotted type
    if "pipeline" in tree and {"policies", "recipe", "language", "assistant_id"} & set(tree):
        return ("name",)  # Rasa imports a dotted name of a component
    return ()


def _call(
    mapping: Mapping[str, Json], key: str, route: str, told: set[str], *, is_certain: bool
) -> Iterator[NamedCall]:
    target = text_of(mapping, key)
    if not target or key in told or len(target) > 500:
        return
    told.add(key)
    if key in ("type", "name") and not ("." in target and _NAME.match(target)):
        return
    if is_certain or ("." in target and _NAME.match(target)):
        yield NamedCall(target, key, f"{route}/{key}", mapping, is_certain)


def _uncertain(artifact: Artifact, calls: tuple[NamedCall, ...], context: Context) -> Iterator[Finding]:
    """A name that runs what it is given has no other reason to stand in a configuration."""
    for call in calls[: 100 * _MOST_OF_A_KIND]:
        if call.is_certain:
            continue
        target = call.target.replace(":", ".")
        weighed = weigh_target(target, context.callables)
        if weighed.weight is Weight.RUNS and _is_exactly_known(weighed, context):
            yield _finding(artifact, REACHES, call, weighed)


def _is_exactly_known(weighed: Weighed, context: Context) -> bool:
    """True for `os.system`; False for `code.block`, which merely begins like a module of Python."""
    module, _, name = weighed.canonical.rpartition(".")
    if weighed.canonical in context.callables.dangerous:
        return True
    return context.callables.reached(module, name) is not None or module in ("os", "posix", "nt")


def _judged(
    artifact: Artifact, tree: Json, calls: list[NamedCall], events: list[Finding], context: Context
) -> Iterator[Event]:
    yield from events
    groups: dict[str, list[tuple[NamedCall, Weighed]]] = {}
    for call in calls:
        weighed = _weigh(call, tree, context)
        if weighed is None:
            groups.setdefault(f"{_COMPUTED} computed", []).append(
                (call, Weighed(call.target, Weight.UNKNOWN, call.target, "computed"))
            )
            continue
        groups.setdefault(_group(weighed), []).append((call, weighed))
    for group, members in list(groups.items())[: 10 * _MOST_OF_A_KIND]:
        rule, _, subject = group.partition(" ")
        call, weighed = members[0]
        yield _finding(artifact, rule, call, weighed, subject=subject, others=members[1:])


def _weigh(call: NamedCall, tree: Json, context: Context) -> Weighed | None:
    """Weigh the name, or the one that it fetches; None where it is computed from elsewhere."""
    target = interpolated(call.target, tree, call.route.rpartition("/")[0])
    if target is None:
        return None
    target = target.replace(":", ".")
    if not _NAME.match(target):
        return Weighed(target[:200], Weight.UNKNOWN, target[:200], "not a dotted name")
    if target in GETTERS:
        path = text_of(call.arguments, "path") or _first_argument(call.arguments)
        path = interpolated(path, tree, call.route.rpartition("/")[0]) if path else None
        if path and _NAME.match(path):
            return weigh_target(path.replace(":", "."), context.callables)
    weighed = weigh_target(target, context.callables)
    if "." not in target and weighed.weight < Weight.REACHES:
        return replace(weighed, weight=Weight.KNOWN, why="a name without a package")
    return weighed


def _first_argument(arguments: Mapping[str, Json]) -> str | None:
    given = items_of(arguments.get("_args_"))
    return given[0] if given and isinstance(given[0], str) else None


def _group(weighed: Weighed) -> str:
    """Return rule and subject: a thousand layers of one framework are one thing to tell."""
    match weighed.weight:
        case Weight.RUNS:
            return f"{RUNS} {weighed.canonical}"
        case Weight.REACHES:
            return f"{REACHES} {weighed.canonical}"
        case Weight.OPENS:
            return f"{OPENS} {weighed.canonical}"
        case Weight.UNKNOWN:
            return f"{UNKNOWN} {weighed.target.partition('.')[0]}"
        case Weight.LOADS:
            return f"{LOADS} {weighed.target}"
        case Weight.KNOWN:
            return f"{KNOWN} calls"


def _finding(
    artifact: Artifact,
    rule: str,
    call: NamedCall,
    weighed: Weighed,
    *,
    subject: str | None = None,
    others: list[tuple[NamedCall, Weighed]] | None = None,
) -> Finding:
    lines = [f"{call.key}: {_spelled(call)}", f"{weighed.canonical[:200]}: {weighed.why}"]
    more = dict.fromkeys(other.target for other, _ in others or () if other.target != call.target)
    if more:
        lines.append(
            f"and {len(more):,} more: " + ", ".join(quoted(one) for one in list(more)[:_EXAMPLES])
        )
    return Finding(
        rule=rule,
        path=artifact.path,
        subject=subject or weighed.canonical[:200],
        evidence="\n".join(lines),
        route=call.route,
        related=tuple(quoted(one) for one in list(more)[:20]),
    )


def _spelled(call: NamedCall) -> str:
    given = {key: value for key, value in call.arguments.items() if key != call.key}
    shown = [f"{key}={_shown(value)}" for key, value in list(given.items())[:8]]
    return f"{quoted(call.target)} with {', '.join(shown)}"[:400] if shown else quoted(call.target)


def _shown(value: Json) -> str:
    if isinstance(value, Mapping):
        return "{...}"
    if isinstance(value, str | int | float) or value is None:
        return json.dumps(value, default=str)[:80]
    return json.dumps([item if isinstance(item, str | int | float) else "..." for item in value[:4]])[
        :80
    ]


def _texts(artifact: Artifact, tree: Json, context: Context, has_calls: bool) -> Iterator[Finding]:
    """References to the environment, and texts that a loader evaluates."""
    secrets: dict[str, str] = {}
    evaluated: dict[tuple[str, str], str] = {}
    texts = [(route, value) for route, value in nodes(tree) if isinstance(value, str) and "$" in value]
    imported: dict[str, str] = {}
    for _, value in texts if has_calls else ():
        if value.startswith("$") and len(imported) < _MOST_OF_A_KIND:
            imported |= imports_of(value[1:])
    for route, value in texts:
        for name in _ENVIRONMENT.findall(value[:20_000]):
            if _SECRET.search(name):
                secrets.setdefault(name, route)
        for text in _expressions(value[:20_000], is_monai=has_calls):
            for name in harmful_names(text, context.callables, imported):
                evaluated.setdefault((name, text), route)
        if _SHELL.search(value[:20_000]):
            evaluated.setdefault(("a shell command", value), route)
    for name, route in list(secrets.items())[:_MOST_OF_A_KIND]:
        evidence = f"reads the environment variable {quoted(name)}"
        yield Finding(rule=_SECRETS, path=artifact.path, subject=name, evidence=evidence, route=route)
    for (name, text), route in list(evaluated.items())[:_MOST_OF_A_KIND]:
        evidence = f"{quoted(text)} uses {name}"
        yield Finding(rule=_EXPRESSION, path=artifact.path, subject=name, evidence=evidence, route=route)


def _expressions(value: str, *, is_monai: bool) -> Iterator[str]:
    yield from (match[1].strip("'\" ") for match in _EVALUATED.finditer(value))
    if is_monai and value.startswith("$") and not value.startswith("${"):
        yield value[1:].replace("@", "")
