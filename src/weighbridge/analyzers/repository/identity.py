"""Who a repository says that it is: look-alike names, names taken anew, numbers that do not fit."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.core.artifact import Origin
from weighbridge.core.finding import Finding
from weighbridge.core.repository import WHOLE
from weighbridge.formats.anomaly import quoted
from weighbridge.knowledge.known_names import (
    RepositoryLikeness,
    Trick,
    imitation,
    is_known_organisation,
    known_models,
    latin,
    model_likeness,
    organisation_likeness,
    owner_words,
    repository_likeness,
    says_official,
)

_IMITATES, _NEAR_OWNER, _ADDED_WORD, _NEAR_MODEL = "IDN001", "IDN002", "IDN003", "IDN004"
_OFFICIAL, _MOVED, _RENAMED, _TAKEN_ANEW = "IDN006", "IDN007", "IDN008", "IDN009"
_OLDER_HISTORY, _NUMBERS, _UNPINNED = "IDN010", "IDN011", "IDN012"
_HUB: Final = "huggingface"
_REMOTE: Final = re.compile(r"hf://(datasets/|spaces/)?([^@]+?)(?:@.*)?\Z")
_CACHED: Final = re.compile(r"(models|datasets|spaces)--([^/]+?)--([^/]+)\Z")
_OFFICIAL_WORDS: Final = re.compile(
    r"\b(?:the|our) official (?:repository|repo|release|weights|models?|checkpoints?|model card)"
    r"\b[^.\n]{0,40}?\b(?:of|from|by) (?:the )?\W{0,3}([A-Za-z][\w .-]{2,30})",
    re.IGNORECASE,
)
_HUB_KEEPS_DATES_SINCE: Final = datetime(2022, 3, 3, tzinfo=UTC)
_MANY_DOWNLOADS: Final = 100_000
_MANY_LIKES: Final = 200
_YOUNG: Final = timedelta(days=7)
_MOST_FOLDERS: Final = 20_000


def judge(view: RepositoryView, context: Context) -> Iterator[Event]:
    """Judge the name of the target, and those of the folders in it that are named like repositories."""
    origin = view.origin
    match = _REMOTE.match(origin.location) if origin.kind == _HUB else None
    if match is not None:
        kind, repo_id = match[1] or "", match[2]
        yield from _named(WHOLE, repo_id)
        yield from _registered(view, repo_id, is_model=not kind)
        yield from _numbers(origin, is_space=kind == "spaces/")
        yield from _claims_to_be_official(view, repo_id)
    else:
        yield from _local(view)


def _named(name: str, repo_id: str) -> Iterator[Finding]:
    """Yield what a repository's name is made to look like, the gravest only."""
    likeness = repository_likeness(repo_id)
    if likeness is not None:
        yield _finding(_rule_of(likeness, repo_id), name, repo_id, _words(repo_id, likeness))
        return
    owner, _, model = repo_id.rpartition("/")
    near = model_likeness(model) if not is_known_organisation(owner) else None
    if near is not None:
        rule = _IMITATES if near.trick is Trick.SCRIPT else _NEAR_MODEL
        evidence = f"{quoted(repo_id)}: looks like {near.known} ({near.trick.value})"
        yield _finding(rule, name, repo_id, evidence)


def _rule_of(likeness: RepositoryLikeness, repo_id: str) -> str:
    match likeness.trick:
        case Trick.SCRIPT | Trick.GLYPHS:
            return _IMITATES
        case Trick.ADDED:
            is_claim = likeness.is_model and says_official(repo_id.partition("/")[0])
            return _IMITATES if is_claim else _ADDED_WORD
        case _:
            return _IMITATES if likeness.is_model else _NEAR_OWNER


def _words(repo_id: str, likeness: RepositoryLikeness) -> str:
    owner = likeness.known.partition("/")[0]
    words = f"{quoted(repo_id)}: looks like {likeness.known} ({likeness.trick.value})"
    return f"{words}; {owner} is {owner_words()[owner]}" if owner in owner_words() else words


def _local(view: RepositoryView) -> Iterator[Finding]:
    """Folders are named by whoever fetched: only what is surely an imitation is told."""
    above = tuple(part for part in view.origin.location.split("/") if part)
    seen: set[tuple[str, str]] = set()
    for number, (folder, names) in enumerate(view.folders.items()):
        if number >= _MOST_FOLDERS:
            return
        for place, repo_id in _repositories(above, folder):
            likeness = imitation(repo_id) if (place, repo_id) not in seen else None
            seen.add((place, repo_id))
            if likeness is not None:
                first = posixpath.join(folder, posixpath.basename(names[0]))
                yield _finding(_IMITATES, first, repo_id, _words(repo_id, likeness))


def _repositories(above: tuple[str, ...], folder: str) -> Iterator[tuple[str, str]]:
    """Yield (folder, repository) for what a folder may be a copy of.

    That is its last two names, and what the hub's cache calls the folders above it.
    """
    parts = (*above[-4:], *(part for part in folder.split("/") if part))
    for at in range(max(0, len(parts) - 4), len(parts)):
        cached = _CACHED.match(parts[at])
        if cached is not None:
            yield "/".join(parts[: at + 1]), f"{cached[2]}/{cached[3]}"
    if len(parts) >= 2:
        yield "/".join(parts), f"{parts[-2]}/{parts[-1]}"


def _registered(view: RepositoryView, repo_id: str, *, is_model: bool) -> Iterator[Finding]:
    facts = view.origin.facts
    yield from _redirected(facts, repo_id)
    created = _date(facts.get("created_at"))
    if created is not None:
        yield from _created(view, repo_id, created, is_model=is_model)
    if (view.origin.revision or "") not in view.target:
        asked = facts.get("requested_revision", "the default branch")
        evidence = f"{quoted(asked)} meant the commit {view.origin.revision} when it was scanned"
        yield _finding(_UNPINNED, WHOLE, repo_id, evidence)


def _created(
    view: RepositoryView, repo_id: str, created: datetime, *, is_model: bool
) -> Iterator[Finding]:
    known = known_models().get(repo_id.lower()) if is_model else None
    if known is not None and created.year > known:
        evidence = (
            f"created {created:%Y-%m-%d}; the well-known {repo_id} was there by the end of {known}: "
            "its name was given up and taken anew, or it was published again"
        )
        yield _finding(_TAKEN_ANEW, WHOLE, repo_id, evidence)
    changes = [
        _date(file.origin.facts.get("last_commit")) for file in view.files.values() if file.origin
    ]
    first = min((one for one in changes if one is not None), default=created)
    if created > _HUB_KEEPS_DATES_SINCE and first < created - timedelta(days=1):
        evidence = f"created {created:%Y-%m-%d}, and holds files of {first:%Y-%m-%d}"
        yield _finding(_OLDER_HISTORY, WHOLE, repo_id, evidence)


def _redirected(facts: Mapping[str, str], repo_id: str) -> Iterator[Finding]:
    old = facts.get("renamed_from")
    if old is None or old.lower() == repo_id.lower():
        return
    before, now = old.rpartition("/")[0], repo_id.rpartition("/")[0]
    rule = _MOVED if before and before.lower() != now.lower() else _RENAMED
    yield _finding(rule, WHOLE, old, f"{quoted(old)} leads to {quoted(repo_id)} now")


def _numbers(origin: Origin, *, is_space: bool) -> Iterator[Finding]:
    """Yield numbers that a young repository rarely has by itself."""
    created = _date(origin.facts.get("created_at"))
    if created is None or is_space:
        return
    age = datetime.now(UTC) - created
    downloads, likes = (_number(origin.facts.get(name)) for name in ("downloads", "likes"))
    if age < _YOUNG and downloads >= _MANY_DOWNLOADS:
        evidence = f"{downloads:,} downloads, {max(age.days, 0)} days after it was created"
        yield _finding(_NUMBERS, WHOLE, "downloads", evidence)
    if age < 4 * _YOUNG and likes >= _MANY_LIKES and downloads < likes:
        yield _finding(_NUMBERS, WHOLE, "likes", f"{likes:,} likes and {downloads:,} downloads")


def _claims_to_be_official(view: RepositoryView, repo_id: str) -> Iterator[Finding]:
    """Cards are copied with the model: whoever else publishes it then says to be official too."""
    owner = repo_id.rpartition("/")[0]
    card = next((name for name in view.folders.get("", ()) if name.lower() == "readme.md"), None)
    text = view.text(card) if card is not None and not is_known_organisation(owner) else None
    for match in _OFFICIAL_WORDS.finditer(latin(text or "")[:50_000]):
        named = _named_owner(match[1])
        if named is not None and card is not None and named.lower() not in owner.lower():
            evidence = f"says {quoted(match[0])}, and is published by {quoted(owner)}"
            yield _finding(_OFFICIAL, card, named, evidence)
            return


def _named_owner(words: str) -> str | None:
    for word in re.split(r"[\s.]+", words)[:3]:
        if is_known_organisation(word):
            return word
        likeness = organisation_likeness(word) if len(word) > 3 else None
        if likeness is not None and likeness.trick in (Trick.GLYPHS, Trick.LOOKS, Trick.ADDED):
            return likeness.known
    return None


def _date(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 16 else 0


def _finding(rule: str, name: str, subject: str, evidence: str) -> Finding:
    return Finding(rule=rule, path=(name,), subject=subject[:200], evidence=evidence)
