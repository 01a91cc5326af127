"""Triton's `config.pbtxt`: which backend serves a model, and which code and files it loads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.limits import MIB
from weighbridge.errors import LimitReached, Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.prototext import TextField, TextMessage, parse_prototext

_PYTHON, _LIBRARY, _OUTSIDE = "CFG030", "CFG031", "CFG032"
_FIELDS = re.compile(
    r"^[ \t]*(?:backend|platform|max_batch_size|instance_group|model_transaction_policy)\b", re.M
)
_FILES = ("default_model_filename", "runtime", "op_library_filename", "input_data_file")
_LARGEST = 4 * MIB
_MOST = 50


def judge(artifact: Artifact, head: str, context: Context) -> Iterator[Event] | None:
    """Judge a text that is the configuration of a model for Triton."""
    name = PurePosixPath(artifact.name.lower())
    is_named = name.name == "config.pbtxt"
    if name.suffix != ".pbtxt" or (_FIELDS.search(head) is None and not is_named):
        return None
    size = artifact.source.size
    if size > _LARGEST:
        raise LimitReached(f"a configuration of {size:,} bytes; up to {_LARGEST:,} are read")
    text = bytes(artifact.source.read_at(0, size)).decode("utf-8", "replace")
    try:
        message = parse_prototext(text)
    except (Malformed, LimitReached):
        if is_named:
            raise
        return None
    return _judged(artifact, message)


def _judged(artifact: Artifact, message: TextMessage) -> Iterator[Event]:
    backend = next((one.text for one in message.all("backend")), "")
    if backend == "python":
        yield _finding(artifact, _PYTHON, "backend python", 'backend: "python"', "/backend")
    if "/" in backend or "\\" in backend or ".." in backend:
        yield _finding(artifact, _OUTSIDE, backend[:200], f"backend: {quoted(backend)}", "/backend")
    for count, (route, field) in enumerate(_fields(message)):
        if count >= 1_000 * _MOST:
            raise LimitReached("the configuration has more fields than are looked at")
        yield from _file(artifact, field, route)
    for parameter in message.all("parameters"):
        yield from _parameter(artifact, parameter)


def _fields(message: TextMessage) -> Iterator[tuple[str, TextField]]:
    stack = [("", message)]
    while stack:
        route, one = stack.pop()
        for field in one.fields:
            yield f"{route}/{field.name}"[:200], field
            if field.message is not None:
                stack.append((f"{route}/{field.name}"[:200], field.message))


def _file(artifact: Artifact, field: TextField, route: str) -> Iterator[Finding]:
    is_file = field.name in _FILES or (field.name == "value" and "cc_model_filenames" in route)
    if not is_file or field.message is not None:
        return
    evidence = f"{field.name}: {quoted(field.text)}"
    if ".." in field.text.replace("\\", "/").split("/") or field.text.startswith(("/", "~")):
        yield _finding(artifact, _OUTSIDE, field.text[:200], evidence, route)
    elif field.name == "op_library_filename":
        yield _finding(artifact, _LIBRARY, field.text[:200], evidence, route)


def _parameter(artifact: Artifact, parameter: TextField) -> Iterator[Finding]:
    if parameter.message is None:
        return
    key = next((one.text for one in parameter.message.all("key")), "")
    values = [one.message for one in parameter.message.all("value") if one.message is not None]
    value = next((one.text for message in values for one in message.all("string_value")), "")
    if key in ("EXECUTION_ENV_PATH", "LD_LIBRARY_PATH", "PYTHONPATH") or value.endswith((".so", ".dll")):
        evidence = f"{quoted(key)}: {quoted(value)}"
        yield _finding(artifact, _LIBRARY, f"{key} {value}"[:200], evidence, f"/parameters/{key[:100]}")


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str, route: str) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject, evidence=evidence, route=route)
