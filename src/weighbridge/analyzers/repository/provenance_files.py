"""Whether what a repository says of its origin fits together: licence, card, base model, digests."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from weighbridge.analyzers.configuration.claimed_names import repository_of
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.provenance import git_object
from weighbridge.analyzers.repository.licences import family, licence_of_text
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.core.finding import Finding
from weighbridge.core.limits import GIB, KIB, MIB
from weighbridge.core.repository import WHOLE
from weighbridge.core.stated_licence import StatedLicence
from weighbridge.errors import LimitReached, Malformed, ReadError
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.documents.yaml_tree import parse_yaml
from weighbridge.formats.weights.gguf import parse_gguf
from weighbridge.knowledge.known_names import imitation

_CHANGED, _LICENCES, _NO_LICENCE, _NO_CARD = "ORG009", "ORG010", "ORG011", "ORG012"
_BASES, _OTHER_SHAPE, _OTHER_WEIGHTS, _NO_COPY = "ORG013", "ORG014", "ORG015", "ORG016"
_KEPT: Final = ".cache/huggingface/download/"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}\Z")
_GIT_OBJECT: Final = re.compile(r"[0-9a-f]{40}\Z")
_FRONT_MATTER: Final = re.compile(
    r"\A\ufeff?---[ \t]*\r?\n(.*?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL
)
_COPY: Final = re.compile(
    r"\b(?:unmodified|unchanged|exact|identical|verbatim) (?:copy|mirror|weights|re-?upload|clone)\b"
    r"|\bre-?upload(?:ed)? (?:of|from)\b|\bmirror of\b|\bsame weights as\b",
    re.IGNORECASE,
)
_WEIGHTS: Final = (
    *(".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".onnx", ".h5", ".msgpack", ".npz"),
)
_LICENCE_FILE: Final = re.compile(r"(?:licen[sc]e|copying)(?:\.(?:md|txt|rst))?\Z", re.IGNORECASE)
_SHAPE: Final = (
    *("model_type", "architectures", "hidden_size", "num_hidden_layers", "num_attention_heads"),
    *("intermediate_size", "num_key_value_heads", "d_model", "n_layer", "n_embd"),
)
_SMALL: Final = 32 * MIB
_LARGE: Final = 8 * GIB
_MOST_KEPT: Final = 2_000
_MOST_BASES: Final = 200
_MOST_GGUF: Final = 20
_MOST_WORDS: Final = 20
_LONGEST_WORD: Final = 100
_FREE: Final = ("apache-2.0", "mit", "bsd")
"""They let whoever changes the model choose another licence."""


def judge(view: RepositoryView, context: Context) -> Iterator[Event]:
    """Judge what the target says of where it comes from, folder by folder."""
    yield from _fetched_files(view, context)
    for folder in view.folders:
        card = _card(view, folder)
        yield from _stated(view, folder, card)
        yield from _licences(view, folder, card)
        yield from _licences_in_weights(view, folder, card, context)
        yield from _bases(view, folder, card)
    yield from _missing(view)
    if view.base is not None:
        yield from _beside_the_base(view, view.base, context)


def _fetched_files(view: RepositoryView, context: Context) -> Iterator[Finding]:
    """Compare files with what the hub's client has noted of them when it fetched them."""
    notes = [name for name in view.files if _KEPT in name and name.endswith(".metadata")]
    for note in notes[:_MOST_KEPT]:
        context.budget.check_time()
        root, _, below = note.rpartition(_KEPT)
        name = root + below.removesuffix(".metadata")
        lines = (view.text(note, limit=4 * KIB) or "").splitlines()
        size = view.files[name].size_bytes if name in view.files else None
        if len(lines) < 2 or size is None or size > _SMALL:
            continue
        stated = lines[1].strip().strip('"')
        actual = _like(stated, view, name)
        if actual is not None and actual != stated:
            evidence = f"fetched as {stated}, the bytes give {actual}"
            yield _finding(_CHANGED, name, "digest", evidence)


def _like(stated: str, view: RepositoryView, name: str) -> str | None:
    """Return the digest of a file in the form of another one; None when there is no such form."""
    if not _DIGEST.match(stated) and not _GIT_OBJECT.match(stated):
        return None
    try:
        source = view.artifact(name).source
        data = bytes(source.read_at(0, source.size))
        source.close()
    except ReadError:
        return None
    return hashlib.sha256(data).hexdigest() if _DIGEST.match(stated) else git_object(data)


def _card(view: RepositoryView, folder: str) -> Mapping[str, Json]:
    """Return the front matter of a folder's card; an empty one when there is none."""
    name = posixpath.join(folder, "README.md")
    match = _FRONT_MATTER.match(view.text(name) or "") if name in view.files else None
    if match is None or ("license" not in match[1] and "base_model" not in match[1]):
        return {}
    try:
        trees = parse_yaml(match[1][: 64 * KIB]).documents
    except (Malformed, LimitReached):
        return {}
    return trees[0] if trees and isinstance(trees[0], Mapping) else {}


def _stated(view: RepositoryView, folder: str, card: Mapping[str, Json]) -> Iterator[StatedLicence]:
    """What the card says, and which licence the text beside it is."""
    said = card.get("license")
    if isinstance(said, list) and len(said) > _MOST_WORDS:
        # No policy allows this one: what is not told must not pass for allowed.
        path = (posixpath.join(folder, "README.md"),)
        yield StatedLicence(path=path, licence=f"one of {len(said):,} in a list")
    for word in said[:_MOST_WORDS] if isinstance(said, list) else (said,):
        name = card.get("license_name") if word == "other" else word
        if isinstance(name, str) and name.strip():
            path = (posixpath.join(folder, "README.md"),)
            yield StatedLicence(path=path, licence=name.strip().lower()[:_LONGEST_WORD])
    for name in view.folders[folder]:
        if _LICENCE_FILE.match(posixpath.basename(name)):
            found = licence_of_text((view.text(name) or "")[: 16 * KIB])
            if found is not None:
                yield StatedLicence(path=(name,), licence=found)


def _licences(view: RepositoryView, folder: str, card: Mapping[str, Json]) -> Iterator[Finding]:
    stated = card.get("license")
    if not isinstance(stated, str) or family(stated) is None:
        return
    for name in view.folders[folder]:
        if _LICENCE_FILE.match(posixpath.basename(name)):
            found = licence_of_text((view.text(name) or "")[: 16 * KIB])
            if found is not None and found != family(stated):
                evidence = f"README.md says {quoted(stated)}, {quoted(name)} is the text of {found}"
                yield _finding(_LICENCES, name, f"{stated} {found}", evidence)


def _licences_in_weights(
    view: RepositoryView, folder: str, card: Mapping[str, Json], context: Context
) -> Iterator[Finding]:
    """GGUF states a licence too. Far away its header would cost a second reading."""
    stated = card.get("license")
    wanted = family(stated) if isinstance(stated, str) else None
    names = [name for name in view.folders[folder] if name.lower().endswith(".gguf")] if wanted else []
    for name in names[:_MOST_GGUF]:
        found = _licence_of_gguf(view, name, context)
        if found is not None and family(found) not in (None, wanted):
            evidence = f"README.md says {quoted(str(stated))}, {quoted(name)} says {quoted(found)}"
            yield _finding(_LICENCES, name, f"{stated} {found}", evidence)


def _licence_of_gguf(view: RepositoryView, name: str, context: Context) -> str | None:
    try:
        source = view.artifact(name).source
        try:
            header = parse_gguf(source, context.budget.limits) if not source.is_remote else None
        finally:
            source.close()
    except (ReadError, Malformed, LimitReached):
        return None
    found = header.get("general.license") if header is not None else None
    return found if isinstance(found, str) else None


def _bases(view: RepositoryView, folder: str, card: Mapping[str, Json]) -> Iterator[Finding]:
    """An adapter names the model that it is for; its card does so too."""
    name = posixpath.join(folder, "adapter_config.json")
    stated = card.get("base_model")
    if name not in view.files or not isinstance(stated, str):
        return
    config = view.mapping(name) or {}
    used = config.get("base_model_name_or_path")
    if not isinstance(used, str) or repository_of(used) is None or repository_of(stated) is None:
        return
    if _tail(used) != _tail(stated):
        evidence = f"the card says {quoted(stated)}, {quoted(name)} loads {quoted(used)}"
        yield _finding(_BASES, name, used, evidence)


def _tail(repository: str) -> str:
    return repository.rstrip("/").rpartition("/")[2].lower()


def _missing(view: RepositoryView) -> Iterator[Finding]:
    """Of a whole repository of the hub it can be said that something is not there."""
    is_whole = view.origin.kind == "huggingface" and not view.origin.location.startswith("hf://spaces/")
    if not is_whole or ".gitattributes" not in view.files:
        return
    top = [name.lower() for name in view.folders.get("", ())]
    if "readme.md" not in top:
        yield _finding(_NO_CARD, WHOLE, "card", "the repository has no README.md")
    has_licence = any(name.startswith(("license", "licence", "copying")) for name in top)
    if "license" not in view.origin.facts and not has_licence:
        yield _finding(_NO_LICENCE, WHOLE, "licence", "neither the card nor a file states one")


def _beside_the_base(view: RepositoryView, base: RepositoryView, context: Context) -> Iterator[Finding]:
    yield from _other_shape(view, base)
    yield from _other_licence(view, base)
    copied = _says_copy(view)
    compared = 0
    for name, file in view.files.items():
        other = base.files.get(name)
        if other is None or not name.lower().endswith(_WEIGHTS) or file.size_bytes != other.size_bytes:
            continue
        compared += 1
        digests = [_digest(one, name, context) for one in (view, base)] if compared < _MOST_BASES else []
        if len(set(digests)) == 2 and None not in digests:
            rule = _NO_COPY if copied else _OTHER_WEIGHTS
            evidence = f"as large as in the base, and other bytes: {digests[0]}, there {digests[1]}"
            yield _finding(rule, name, name, f"{evidence}\n{copied}" if copied else evidence)


def _says_copy(view: RepositoryView) -> str:
    """Return what makes the target pass for its base: its words, or its name; "" for neither."""
    text = view.text("README.md") or "" if "README.md" in view.files else ""
    said = _COPY.search(text[:100_000])
    if said is not None:
        return f"the card says {quoted(said[0])}"
    repo_id = view.origin.location.removeprefix("hf://").partition("@")[0]
    names = repo_id if view.origin.kind == "huggingface" else "/".join(repo_id.split("/")[-2:])
    likeness = imitation(names)
    return f"its name looks like {likeness.known}" if likeness is not None else ""


def _digest(view: RepositoryView, name: str, context: Context) -> str | None:
    file = view.files[name]
    if file.origin is not None and file.origin.sha256 is not None:
        return file.origin.sha256
    try:
        source = view.artifact(name).source
        if source.size > (_SMALL if source.is_remote else _LARGE):
            return None
        state = hashlib.sha256()
        for at in range(0, source.size, MIB):
            context.budget.check_time()
            state.update(source.read_at(at, MIB))
        source.close()
    except ReadError:
        return None
    return state.hexdigest()


def _other_shape(view: RepositoryView, base: RepositoryView) -> Iterator[Finding]:
    ours = view.mapping("config.json") if "config.json" in view.files else None
    theirs = base.mapping("config.json") if "config.json" in base.files else None
    if ours is None or theirs is None:
        return
    other = [key for key in _SHAPE if key in ours and key in theirs and ours[key] != theirs[key]]
    if other:
        lines = [f"{key}: {_shown(ours[key])}, in the base {_shown(theirs[key])}" for key in other[:5]]
        yield _finding(_OTHER_SHAPE, "config.json", ", ".join(other), "\n".join(lines))


def _other_licence(view: RepositoryView, base: RepositoryView) -> Iterator[Finding]:
    """A fine-tuned model is not free of what its base demands."""
    ours, theirs = (
        _card(one, "").get("license", one.origin.facts.get("license")) for one in (view, base)
    )
    if not isinstance(ours, str) or not isinstance(theirs, str) or "README.md" not in view.files:
        return
    if family(theirs) not in (None, family(ours), *_FREE) and family(ours) is not None:
        evidence = f"README.md says {quoted(ours)}, the card of the base {quoted(theirs)}"
        yield _finding(_LICENCES, "README.md", f"{ours} {theirs}", evidence)


def _shown(value: Json) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_shown(one) for one in value[:3])
    return quoted(value) if isinstance(value, str) else str(value)[:40]


def _finding(rule: str, name: str, subject: str, evidence: str) -> Finding:
    return Finding(rule=rule, path=(name,), subject=subject[:200], evidence=evidence)
