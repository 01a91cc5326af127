"""JSON of the PyTorch family: exported programs, their payload tables, AOTInductor flags, TorchServe."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from weighbridge.analyzers.configuration.named_targets import judge_target
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.torch.operators import operator_findings
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.torch.export import (
    is_exported_program,
    read_exported_program,
    read_expression,
)
from weighbridge.knowledge.callables import CallableKnowledge, Judgement, Standing

_EVALUATES, _TARGET, _CUSTOM, _IMPORTS, _UNREAD = "TOR025", "TOR026", "TOR027", "TOR028", "TOR029"
_PICKLED, _COMMAND, _COMPILES = "TOR024", "TOR022", "TOR023"
_LEAVES, _INSTALLS = "TOR041", "TOR042"
_HARMFUL = (Standing.DANGEROUS, Standing.REACHES)
_SHOWN = 5
_MOST_TOLD = 50
_ARITHMETIC = frozenset(
    {"add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "neg", "pos", "abs", "eq", "ne", "lt"}
    | {"le", "gt", "ge", "and_", "or_", "not_", "xor", "invert", "lshift", "rshift", "getitem", "index"}
)
_FLAGS = frozenset({"definitions", "include_dirs", "cflags", "ldflags", "libraries_dirs", "libraries"})
_COMPILERS = re.compile(
    r"\A(?:[\w./+-]*/)?(?:x86_64-[\w-]+-|aarch64-[\w-]+-)?(?:g\+\+|gcc|c\+\+|cc|clang\+\+|clang|cl|icpx|"
    r"icx|nvcc)(?:-\d+)?(?:\.exe)?\Z"
)
_SHELL = re.compile(r"[;&|`<>\n\r]|\$\(|\$\{")
_LOADS_CODE = re.compile(r"\A(?:-{0,2}(?:fplugin|wrapper|specs)\b|-B|@)")
_FILES = ("handler", "serializedFile", "modelFile", "requirementsFile", "configFile", "extraFiles")


def judge_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
    """Judge the document when it is one of these."""
    if not isinstance(tree, Mapping):
        return None
    if is_exported_program(tree):
        return _program(artifact, tree, context)
    if _is_payload_table(tree):
        return _payloads(artifact, tree)
    if len(_FLAGS & tree.keys()) >= 3 and ("compiler" in tree or "aot_mode" in tree):
        return _flags(artifact, tree)
    model = tree.get("model")
    if (
        isinstance(model, Mapping)
        and "modelName" in model
        and {"handler", "serializedFile"} & model.keys()
    ):
        return _torchserve(artifact, model)
    return None


# torch.export.


def _program(artifact: Artifact, tree: Mapping[str, Json], context: Context) -> Iterator[Finding]:
    knowledge = context.callables
    program = read_exported_program(tree)
    context.budget.check_time()
    yield from _expressions(artifact, program.expressions, context)
    yield from _targets(artifact, program.targets, knowledge)
    for module, name in program.imported:
        judged = judge_target(f"{module}.{name}" if name else f"{module}.x", knowledge)
        if _is_harmful(judged):
            evidence = f"the tree spec names {quoted(module)} {quoted(name)}: {judged.why}"
            yield Finding(
                rule=_IMPORTS, path=artifact.path, subject=f"{module}.{name}"[:200], evidence=evidence
            )


def _expressions(artifact: Artifact, expressions: Sequence[str], context: Context) -> Iterator[Finding]:
    unread: list[str] = []
    told = 0
    for text in expressions:
        context.budget.check_time()
        expression = read_expression(text)
        if not expression.is_read:
            unread.append(text)
            continue
        reasons = list(expression.oddities)
        for name in expression.called:
            judged = judge_target(name, context.callables)
            if _is_harmful(judged):
                reasons.append(f"{name[:80]}: {judged.why}")
        if reasons and told < _MOST_TOLD:
            told += 1
            evidence = "\n".join([quoted(text), *reasons[:_SHOWN]])
            yield Finding(rule=_EVALUATES, path=artifact.path, subject=text[:200], evidence=evidence)
    if unread:
        lines = [quoted(text) for text in unread[:_SHOWN]]
        yield Finding(rule=_UNREAD, path=artifact.path, subject="expressions", evidence="\n".join(lines))


def _targets(
    artifact: Artifact, targets: Sequence[str], knowledge: CallableKnowledge
) -> Iterator[Finding]:
    operators: list[str] = []
    told = 0
    for target in targets:
        first, _, rest = target.partition(".")
        if first.startswith("torch") and rest.startswith("ops."):
            operators.append(rest.removeprefix("ops.").replace(".", "::", 1))
            continue
        name = _resolved(first, rest)
        judged = judge_target(name, knowledge) if name is not None else None
        if judged is not None and _is_harmful(judged) and told < _MOST_TOLD:
            told += 1
            evidence = f"a node calls {quoted(target)}: {judged.why}"
            yield Finding(rule=_TARGET, path=artifact.path, subject=target[:200], evidence=evidence)
    yield from operator_findings(artifact, operators, unknown=_CUSTOM)


def _resolved(first: str, rest: str) -> str | None:
    """The dotted name that the loader walks to: it goes by how the first word begins."""
    if first.startswith("_operator"):
        return None if rest in _ARITHMETIC else f"operator.{rest}"
    if first.startswith("torch"):
        return f"torch.{rest}"
    return f"math.{rest}" if first.startswith("math") else None


def _is_harmful(judged: Judgement) -> bool:
    """Nothing holds the conditions here that a pickle's use of a callable is held to."""
    return judged.standing in _HARMFUL or (
        judged.standing is Standing.CONDITIONAL and bool(judged.capabilities)
    )


def _is_payload_table(tree: Mapping[str, Json]) -> bool:
    config = tree.get("config")
    return isinstance(config, Mapping) and any(
        isinstance(one, Mapping) and "path_name" in one for one in config.values()
    )


def _payloads(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Finding]:
    config = tree.get("config")
    if not isinstance(config, Mapping):
        return
    pickled = [
        name
        for name, one in config.items()
        if isinstance(one, Mapping) and one.get("use_pickle") is True
    ]
    if pickled:
        shown = ", ".join(quoted(name) for name in pickled[:_SHOWN])
        evidence = f"{len(pickled):,} of {len(config):,}: {shown}"
        yield Finding(rule=_PICKLED, path=artifact.path, subject="use_pickle", evidence=evidence)


def _flags(artifact: Artifact, tree: Mapping[str, Json]) -> Iterator[Finding]:
    """The loader joins these into one line and gives it to the shell."""
    compiler = tree.get("compiler")
    odd = [text for text in _texts(tree) if _SHELL.search(text) or _LOADS_CODE.match(text.strip())]
    if isinstance(compiler, str) and compiler and not _COMPILERS.match(compiler):
        odd.insert(0, compiler)
    if odd:
        lines = [quoted(text) for text in odd[:_SHOWN]]
        yield Finding(rule=_COMMAND, path=artifact.path, subject=odd[0][:200], evidence="\n".join(lines))
    else:
        evidence = f"compiled with {quoted(str(compiler))} when the package is loaded"
        yield Finding(rule=_COMPILES, path=artifact.path, subject="compile flags", evidence=evidence)


def _texts(value: Json) -> Iterator[str]:
    pending: list[Json] = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            pending.extend(one.values())
        elif isinstance(one, Sequence):
            pending.extend(one)


# TorchServe.


def _torchserve(artifact: Artifact, model: Mapping[str, Json]) -> Iterator[Finding]:
    for key in _FILES:
        for name in _names(model.get(key)):
            parts = name.replace("\\", "/").split("/")
            if ".." in parts or not parts[0] or parts[0].endswith(":"):
                evidence = f"{key} is {quoted(name)}"
                yield Finding(
                    rule=_LEAVES,
                    path=artifact.path,
                    subject=f"{key} {name}"[:200],
                    evidence=evidence,
                    route=f"/model/{key}",
                )
    requirements = model.get("requirementsFile")
    if isinstance(requirements, str) and requirements:
        yield Finding(
            rule=_INSTALLS,
            path=artifact.path,
            subject=requirements[:200],
            evidence=f"requirementsFile is {quoted(requirements)}",
            route="/model/requirementsFile",
        )


def _names(value: Json) -> Iterator[str]:
    """A path, several with commas between, or a list of them."""
    if isinstance(value, str):
        yield from (name.strip() for name in value.split(",") if name.strip())
    elif isinstance(value, Sequence):
        yield from (name for name in value if isinstance(name, str))
