"""Keras classes that do more than compute when they are rebuilt: they load models, pickles and files.

Their configuration decides what is read from where, so it is judged here, class by class.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.errors import Malformed
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.archive.member_paths import path_hazard
from weighbridge.formats.documents.strict_json import Json, decode_python_json
from weighbridge.formats.graphs.file_reference import reference_hazard
from weighbridge.formats.keras.config import KerasNode, NodeKind
from weighbridge.knowledge.callables import HARMFUL, Standing

_TORCH_MODULE, _SAVED_MODEL, _SAVED_MODEL_OUTSIDE = "KER005", "KER006", "KER007"
_FILE_OUTSIDE, _FILE, _ELSEWHERE, _GRAPH = "KER008", "KER009", "KER017", "KER018"

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://")
_SENSITIVE = re.compile(
    r"^(?:file:)?/+(?:etc|proc|sys|dev|root|boot|run|var/(?:run|log|lib|spool))(?:/|$)"
    r"|(?:^|[\\/])\.[A-Za-z]|(?:^|[\\/])(?:id_[a-z0-9]+|passwd|shadow|environ|credentials)$",
    re.IGNORECASE,
)
_ORDINARY = re.compile(r"\.(?:txt|vocab|csv|tsv|json|model|spm|bpe)$", re.IGNORECASE)
_LONGEST_PATH = 1024
_FILE_KEYS = ("vocabulary", "merges", "proto")
_OPERATIONS = frozenset(
    {"TFOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty", "ClassProperty"}
)

Judge = Callable[[Artifact, KerasNode, Context], Iterator[Event]]


def special_parts(artifact: Artifact, node: KerasNode, context: Context) -> Iterator[Event]:
    """Yield what is to say of a node of one of the classes that load something."""
    if node.kind is not NodeKind.OBJECT:
        return
    judge = _JUDGES.get(node.name)
    if judge is not None:
        yield from judge(artifact, node, context)
    elif node.name in _OPERATIONS:
        yield from _operation(artifact, node, context)
    for key in _FILE_KEYS:
        value = node.get(key)
        if isinstance(value, str) and _is_path(value):
            yield _file(artifact, node, key, value)


def _torch_module(artifact: Artifact, node: KerasNode, context: Context) -> Iterator[Event]:
    """`torch.load` is called on what the text decodes to."""
    value = node.get("module")
    if isinstance(value, Mapping):  # {"class_name": "__bytes__", "config": {"value": ...}}
        inner = value.get("config")
        value = inner.get("value") if isinstance(inner, Mapping) else None
    text = value if isinstance(value, str) else ""
    try:
        data = binascii.a2b_base64(text.encode("latin-1", "replace"))
    except binascii.Error:
        data = text.encode("latin-1", "replace")
    evidence = f"a torch module of {len(data):,} bytes, which is unpickled when the layer is rebuilt"
    yield _finding(artifact, _TORCH_MODULE, node, "TorchModuleWrapper", evidence)
    if data:
        yield artifact.nested(f"TorchModuleWrapper{node.route}", MemorySource(data))
    else:
        detail = "a TorchModuleWrapper whose module is not there as text"
        yield Coverage(path=artifact.path, format="keras-config", outcome=Outcome.FAILED, detail=detail)


def _saved_model(artifact: Artifact, node: KerasNode, context: Context) -> Iterator[Event]:
    path = node.get("filepath")
    shown = path if isinstance(path, str) else "a place that is not said"
    evidence = f"the layer loads the SavedModel at {quoted(shown)} and runs its graph"
    is_outside = isinstance(path, str) and _is_outside(path)
    rule = _SAVED_MODEL_OUTSIDE if is_outside else _SAVED_MODEL
    yield _finding(artifact, rule, node, f"TFSMLayer {shown}", evidence)


def _hub_layer(artifact: Artifact, node: KerasNode, context: Context) -> Iterator[Event]:
    handle = node.get("handle")
    if isinstance(handle, str):
        evidence = f"the layer loads the SavedModel at {quoted(handle)} and runs its graph"
        yield _finding(artifact, _ELSEWHERE, node, f"KerasLayer {handle}", evidence)


def _graph_layer(artifact: Artifact, node: KerasNode, context: Context) -> Iterator[Event]:
    """A layer that holds one node of a graph, as JSON of its protobuf message."""
    value = node.get("node_def")
    operation: Json = None
    if isinstance(value, str):
        try:
            tree = decode_python_json(value).value
        except Malformed:
            found = re.search(r'\bop:\s*"(\w+)"', value[:4096])
            tree = {"op": found[1]} if found else None
        operation = tree.get("op") if isinstance(tree, Mapping) else None
    if isinstance(operation, str):
        yield from _judged(artifact, node, context, "tensorflow.raw_ops", operation)


def _operation(artifact: Artifact, node: KerasNode, context: Context) -> Iterator[Event]:
    """A layer that calls a function of TensorFlow by its public name."""
    names = [node.get(key) for key in ("function", "cls_symbol", "method_name", "cls_ref")]
    for name in names:
        if isinstance(name, str) and name.isascii():
            module, _, last = f"tensorflow.{name}".rpartition(".")
            yield from _judged(artifact, node, context, module, last)


_FILE_OPERATIONS = re.compile(
    r"^(?:(?:Eager)?PyFunc(?:Stateless)?|(?:Immutable)?(?:Const|Memmapped)?(?:Read|Write)File|ReadFile"
    r"|WriteFile|MatchingFiles|LoadLibrary|.*(?:Dataset|Reader)(?:V\d)?|Save(?:V2|Slices|Dataset)?"
    r"|Restore(?:V2|Slice)?|MergeV2Checkpoints|PrintV2|.*Summary.*|InitializeTableFromTextFile(?:V2)?"
    r"|RpcCall|DebugIdentity(?:V\d)?|ImmutableConst)$"
)


def _judged(
    artifact: Artifact, node: KerasNode, context: Context, module: str, name: str
) -> Iterator[Event]:
    found = context.callables.judge(module, name, protocol=4)
    reason = ""
    if found.standing is Standing.DANGEROUS and set(found.capabilities) & HARMFUL:
        reason = found.why
    elif module.endswith("raw_ops") and _FILE_OPERATIONS.match(name):
        reason = "reads or writes files, or calls back into Python"
    elif name in ("py_function", "numpy_function", "py_func", "load_op_library", "load_library"):
        reason = "calls back into Python, or loads native code"
    if reason:
        evidence = f"the layer calls {module}.{name}, which {reason}"
        yield _finding(artifact, _GRAPH, node, f"{module}.{name}", evidence)


def _file(artifact: Artifact, node: KerasNode, key: str, path: str) -> Finding:
    rule = _FILE_OUTSIDE if _is_revealing(path) else _FILE
    evidence = f"{node.name} reads its {key} from {quoted(path)} when it is rebuilt"
    return _finding(artifact, rule, node, f"{node.name} {path}", evidence)


def _is_path(text: str) -> bool:
    """Vocabularies are lists, and encoded ones are long: a short text is a place to read them from."""
    return 0 < len(text) <= _LONGEST_PATH and "\n" not in text


def _is_revealing(path: str) -> bool:
    """True for what no vocabulary is kept in: another host, a system's own files, hidden ones."""
    if _URL.match(path) or path.startswith(("\\\\", "//")):
        return True
    has_parent = ".." in re.split(r"[\\/]", path)
    is_absolute = path_hazard(path) is not None
    return bool(_SENSITIVE.search(path)) or (
        (has_parent or is_absolute) and _ORDINARY.search(path) is None
    )


def _is_outside(path: str) -> bool:
    return reference_hazard(path) is not None or path.startswith("~")


def _finding(artifact: Artifact, rule: str, node: KerasNode, subject: str, evidence: str) -> Finding:
    return Finding(
        rule=rule, path=artifact.path, subject=subject[:200], evidence=evidence, route=node.route
    )


_JUDGES: Final[Mapping[str, Judge]] = {
    "TorchModuleWrapper": _torch_module,
    "TFSMLayer": _saved_model,
    "KerasLayer": _hub_layer,
    "TensorFlowOpLayer": _graph_layer,
}
