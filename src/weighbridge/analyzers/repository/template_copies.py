"""Copies of a chat template in one folder, and the template of the base model, compared.

transformers takes `chat_template.jinja` before what is in `tokenizer_config.json`, processors have
`chat_template.json` and `processor_config.json`, llama.cpp and Ollama take what is in the GGUF. Which
templates there are is known from the findings about each file; texts are read only where they differ.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.repository.view import RepositoryView
from weighbridge.core.finding import Finding
from weighbridge.knowledge.chat_templates import template_digest

_CARRIES, _DIFFER, _NOT_THE_BASE = "TPL022", "TPL030", "TPL031"
_LOADERS: Final[Mapping[str, str]] = {
    "chat_template.jinja": "transformers since 4.43 and vLLM take it first",
    "chat_template.json": "processors of transformers take it",
    "processor_config.json": "processors of transformers take it",
    "tokenizer_config.json": "transformers takes it when there is no chat_template.jinja",
}
"""Files by precedence, and who takes the template of each."""
_GGUF: Final = "llama.cpp and Ollama take it"
_NAMED_FOLDER: Final = "additional_chat_templates"
_QUANTIZATION: Final = re.compile(
    r"[-._](?:(?:i|t)?q\d\w*|bf16|f16|f32|fp16|fp32|fp8|int[48]|mxfp4\w*|ud|gguf|\d{5}-of-\d{5}|imat(?:rix)?)(?=[-._]|\Z)"
)
_DEFAULT: Final = "default"
_MOST_TOLD: Final = 5
_SHOWN_LINES: Final = 6
_SHOWN_CHARS: Final = 160
_COMPARED_LINES: Final = 2_000


@dataclass(frozen=True, slots=True)
class _Copy:
    """One template: the file, its name within the model, and its digest."""

    file: str
    name: str
    digest: str
    loader: str
    rank: int


def judge(view: RepositoryView, context: Context) -> Iterator[Event]:
    """Compare templates folder by folder, then with those of the base."""
    for folder in view.folders:
        copies = list(_copies(view, folder))
        for name in dict.fromkeys(copy.name for copy in copies):
            yield from _differing(view, [copy for copy in copies if copy.name == name])
    if view.base is not None:
        yield from _against_base(view, view.base)


# Copies in one folder.


def _copies(view: RepositoryView, folder: str) -> Iterator[_Copy]:
    """Yield templates of the files that loaders look for, in a folder and below for named ones."""
    named = posixpath.join(folder, _NAMED_FOLDER)
    for file in (*view.folders[folder], *view.folders.get(named, ())):
        base = posixpath.basename(file)
        is_gguf = base.lower().endswith(".gguf")
        is_named = posixpath.basename(posixpath.dirname(file)) == _NAMED_FOLDER
        if not (is_gguf or base in _LOADERS or is_named):
            continue
        rank = len(_LOADERS) if is_gguf else list(_LOADERS).index(base) if base in _LOADERS else 0
        loader = _GGUF if is_gguf else _LOADERS.get(base, _LOADERS["chat_template.jinja"])
        for finding in view.findings(file):
            if finding.rule == _CARRIES and finding.path == (file,):
                place, _, digest = finding.subject.rpartition(" ")
                name = posixpath.splitext(base)[0] if is_named else _name(place)
                yield _Copy(file, name, digest, loader, rank)


def _name(place: str) -> str:
    """`/chat_template/tool_use` and `tokenizer.chat_template.tool_use` are the same template."""
    rest = place.removeprefix("/chat_template").removeprefix("tokenizer.chat_template")
    return rest.strip("/.").split("/")[0] or _DEFAULT


def _differing(view: RepositoryView, copies: list[_Copy]) -> Iterator[Finding]:
    """Yield the copies that differ from the one that comes first."""
    plain = [copy for copy in copies if not copy.file.lower().endswith(".gguf")]
    models = _by_model([copy for copy in copies if copy not in plain])
    for group in models.values():
        # A folder of several models is a shelf: its GGUFs belong to no tokenizer beside them.
        together = [*(plain if len(models) == 1 else []), *group]
        yield from _odd_ones(view, sorted(together, key=lambda copy: (copy.rank, copy.file)))
    if not models:
        yield from _odd_ones(view, sorted(plain, key=lambda copy: (copy.rank, copy.file)))


def _by_model(copies: list[_Copy]) -> dict[str, list[_Copy]]:
    """GGUFs that are quantizations of one model, by its name."""
    models: dict[str, list[_Copy]] = {}
    for copy in copies:
        stem = posixpath.splitext(posixpath.basename(copy.file).lower())[0]
        models.setdefault(_QUANTIZATION.sub("", stem), []).append(copy)
    return models


def _odd_ones(view: RepositoryView, copies: list[_Copy]) -> Iterator[Finding]:
    if not copies:
        return
    first = copies[0]
    told: set[str] = set()
    for copy in copies[1:]:
        if copy.digest == first.digest or copy.file == first.file or copy.file in told:
            continue
        told.add(copy.file)
        if len(told) > _MOST_TOLD:
            return
        evidence = (
            f"the template {copy.name!r} of {copy.file} ({copy.loader})\n"
            f"is not that of {first.file} ({first.loader})"
        )
        lines = _changed_lines(_text(view, first), _text(view, copy))
        related = (first.file,)
        yield Finding(
            rule=_DIFFER,
            path=(copy.file,),
            subject=f"{copy.name} {posixpath.basename(first.file)}",
            evidence="\n".join((evidence, *lines)),
            related=related,
        )


# The base.


def _against_base(view: RepositoryView, base: RepositoryView) -> Iterator[Finding]:
    """Yield top-level files whose template is none of the base's."""
    own = [copy for copy in _copies(view, "") if copy.name == _DEFAULT] if "" in view.folders else []
    theirs = dict(_texts_of(base)) if own else {}
    digests = {template_digest(text) for text in theirs.values()}
    if not digests:
        return
    file, text = next(iter(theirs.items()))
    for copy in own[:_MOST_TOLD]:
        if copy.digest not in digests:
            lines = _changed_lines(text, _text(view, copy))
            head = f"not the template of {file} in {base.target}"
            yield Finding(
                rule=_NOT_THE_BASE,
                path=(copy.file,),
                subject=f"{copy.name} {file}",
                evidence="\n".join((head, *lines)),
            )


def _texts_of(view: RepositoryView) -> Iterator[tuple[str, str]]:
    for file in _LOADERS:
        if file in view.files:
            text = _text_in(view, file, _DEFAULT)
            if text is not None:
                yield file, text


# Texts.


def _text(view: RepositoryView, copy: _Copy) -> str | None:
    return _text_in(view, copy.file, copy.name)


def _text_in(view: RepositoryView, file: str, name: str) -> str | None:
    """The text of a template; None for those in GGUF files, whose header is not worth a second read."""
    if file.lower().endswith(".gguf"):
        return None
    if not file.endswith(".json"):
        return view.text(file)
    mapping = view.mapping(file)
    value = mapping.get("chat_template") if mapping is not None else None
    if isinstance(value, str):
        return value if name == _DEFAULT else None
    if isinstance(value, Mapping):
        found = value.get(name)
        return found if isinstance(found, str) else None
    for item in value if isinstance(value, list | tuple) else ():
        if isinstance(item, Mapping) and item.get("name") == name:
            found = item.get("template")
            return found if isinstance(found, str) else None
    return None


def _changed_lines(before: str | None, after: str | None) -> list[str]:
    """The first lines that one has and the other has not."""
    if before is None or after is None:
        return []
    old, new = (text.splitlines()[:_COMPARED_LINES] for text in (before, after))
    known, wanted = set(old), set(new)
    lines = [f"- {line}" for line in old if line not in wanted][:_SHOWN_LINES]
    lines += [f"+ {line}" for line in new if line not in known][:_SHOWN_LINES]
    if len(old) == 1 or len(new) == 1:
        lines = [_first_difference(before, after)]
    return [line[:_SHOWN_CHARS] for line in lines]


def _first_difference(before: str, after: str) -> str:
    """What follows the place where two long lines part."""
    at = len(posixpath.commonprefix([before, after]))
    return f"+ …{after[max(0, at - 20) : at + _SHOWN_CHARS // 2]!r}"
