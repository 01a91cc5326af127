"""Notebooks: code that somebody runs cell by cell, with what it hides, installs and shows."""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final

from weighbridge.analyzers.configuration.requirement_lines import requirement_findings
from weighbridge.analyzers.executables.program_judgement import STARTS
from weighbridge.analyzers.executables.python_sources import judge_python
from weighbridge.analyzers.inspection import Context, Event
from weighbridge.analyzers.notebooks.outputs import OutputText, output_findings
from weighbridge.analyzers.texts.any_text import TextKind, look_at_text
from weighbridge.analyzers.workspace.commands import (
    Command,
    Setting,
    Weight,
    command_findings,
    fetched_then_run,
    weigh,
)
from weighbridge.bytesource.memory import MemorySource
from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Outcome
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.documents.notebook import (
    CellKind,
    Content,
    Notebook,
    NotebookCell,
    read_notebook,
)
from weighbridge.formats.documents.notebook_code import CellParts, Magic, split_cell
from weighbridge.formats.documents.strict_json import Json
from weighbridge.formats.kinds import Format
from weighbridge.formats.packaging.install_command import installed_by
from weighbridge.formats.scripts.python_source import parse, read_python

_RUNS_FETCHED, _SHELL, _OUT_OF_SIGHT, _HIDDEN = "NBK004", "NBK005", "NBK006", "NBK007"
_INSTALLS, _AT_START, _DRIVE, _STARTUP, _STARTS = "NBK008", "NBK009", "NBK010", "NBK011", "NBK012"
_WHOLE_DRIVE: Final = "NBK014"
_SETTING: Final = Setting(installs=_INSTALLS, fetches=_RUNS_FETCHED)
_SHOWN: Final = 6
_MOST_NESTED: Final = 200
_MOST_PYTHON: Final = 2_000_000
_LARGEST_ATTACHMENT: Final = 16_000_000
_FAR: Final = re.compile(r"(?<=[^ \t\n])[ \t]{120,}+(?=[^\s#])([^\n]{1,400})")
_FAR_ALONE: Final = re.compile(r"(?m)^[ \t]{160,}+(?=[^\s#])([^\n]{1,400})")
_EMPTY_LINES: Final = 120
_LOOKS_RUN: Final = re.compile(
    r"\b(?:import|exec|eval|open|os|subprocess|requests?|urllib|socket|system|__import__"
    r"|getattr)\b|^!|^%"
)
_STARTUP_PLACES: Final = re.compile(
    r"(?i)(?:^|/)\.(?:bashrc|bash_profile|profile|zshrc|zprofile)$|\.ipython/profile_\w+/startup/"
    r"|\.jupyter/.*config"
    r"|authorized_keys$|/etc/(?:cron|profile|rc\.local|ld\.so|systemd|init)|sitecustomize\.py$"
    r"|usercustomize\.py$"
    r"|site-packages/[^/]*\.pth$|\.config/autostart/|launchagents/"
)
_MOUNTS: Final = re.compile(
    r"\bdrive\s*\.\s*mount\s*\(|\bgoogle\.colab\.drive\b.{0,200}\bmount\b", re.DOTALL
)
_SENDS: Final = re.compile(
    r"requests\s*\.\s*(?:post|put)\s*\([^)]{0,300}files\s*=|\bcurl\b[^\n]{0,300}\s(?:-F|-T|--form"
    r"|--upload-file|--data-binary)[ =]"
    r"|\bpyngrok\b|\bngrok\b|\brclone\s+(?:copy|sync)\b|\bscp\b[^\n]{0,200}/content/drive|\b(?:nc"
    r"|ncat)\s"
)
_WHOLE: Final = re.compile(
    r"\b(?:os\s*\.\s*walk|rglob|glob|iglob|make_archive|zip|tar|7z|copytree|rclone|Path)\b[^\n]{0,120}?"
    r"/content/\w*drive(?:/(?:MyDrive|My\\? Drive))?/?(?:\*{1,2}(?:/\*)*)?(?=[\s\"'),;]|$)"
)
_UPLOADS: Final = re.compile(
    r"requests\s*\.\s*(?:post|put)\s*\([^)]{0,300}(?:files|data)\s*=|\bcurl\b[^\n]{0,300}\s(?:-F|-T|--form"
    r"|--upload-file|--data-binary)[ =]|\brclone\s+(?:copy|sync)\b|\b(?:nc|ncat)\s|\bscp\s"
)
_LINE_MENTION: Final = re.compile(r"(?m)^line (\d+):")
_SUFFIXES: Final = {
    **{
        "perl": ".pl",
        "ruby": ".rb",
        "cmd": ".cmd",
        "powershell": ".ps1",
        "pwsh": ".ps1",
        "r": ".R",
        "julia": ".jl",
    },
    **{"bash": ".sh", "sh": ".sh", "lua": ".lua", "php": ".php", "script": ".sh"},
    **{"python": ".py", "python3": ".py", "js": ".js", "node": ".js"},
}
_PAGES: Final = frozenset({"html", "svg", "javascript", "js"})
_WRITERS: Final = frozenset({"writefile", "file"})
_OBEYED: Final = frozenset(
    {
        "text/html",
        "application/javascript",
        "text/javascript",
        "image/svg+xml",
        "application/xhtml+xml",
        "text/markdown",
    }
)
_PICTURES: Final = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "application/json"}
)
_KERNEL_CALLS: Final = (
    ".system",
    ".getoutput",
    ".system_raw",
    ".system_piped",
    ".getoutput_piped",
    ".run_line_magic",
    ".run_cell_magic",
)


def judge_tree(artifact: Artifact, tree: Json, context: Context) -> Iterator[Event] | None:
    """Judge a JSON document that is a notebook."""
    notebook = read_notebook(tree)
    return _Judging(artifact, notebook, context).all() if notebook is not None else None


@dataclass(slots=True)
class _Judging:
    artifact: Artifact
    notebook: Notebook
    context: Context
    nested: int = 0

    def all(self) -> Iterator[Event]:
        parts = [
            (cell, split_cell(cell.source)) for cell in self.notebook.cells if cell.kind is CellKind.CODE
        ]
        if _is_python(self.notebook.language):
            yield from self._python(parts)
            yield from self._commands(parts)
            yield from self._magics(parts)
        else:
            yield from self._foreign()
        yield from self._out_of_sight()
        yield from output_findings(self.artifact, self._pages(parts), self.context)
        yield from self._carried()
        for cell in self.notebook.cells:
            self.context.budget.check_time()
            yield from self._texts(cell)
        if not self.notebook.is_whole:
            detail = (
                f"a notebook of more than {len(self.notebook.cells):,} cells; the first ones were read"
            )
            yield Coverage(
                path=self.artifact.path, format=Format.JSON, outcome=Outcome.LIMITED, detail=detail
            )

    def _python(self, parts: list[tuple[NotebookCell, CellParts]]) -> Iterator[Event]:
        """Cells share their names: those that parse are judged as one program, the others each alone."""
        program = _Program()
        for cell, part in parts:
            if not part.python.strip():
                continue
            if parse(part.python) is not None and program.length < _MOST_PYTHON:
                program.add(cell, part.python)
            else:
                for event in judge_python(self.artifact, part.python, self.context):
                    alone = _Program()
                    alone.add(cell, part.python)
                    yield from _told_of(event, alone)
        if program.length:
            for event in judge_python(self.artifact, program.text, self.context):
                yield from _told_of(event, program)

    def _commands(self, parts: list[tuple[NotebookCell, CellParts]]) -> Iterator[Event]:
        commands: list[Command] = []
        sly: list[str] = []
        starting: list[str] = []
        for cell, part in parts:
            own = [*_own_commands(cell, part), *_calls_of_kernel(cell, part)]
            commands += own
            heavy = [quoted(one.line) for one in own if weigh(one.line).weight >= Weight.DOUBTFUL]
            if cell.is_hidden and heavy:
                sly.append(f"cell {cell.number}: {heavy[0]}")
            if cell.runs_at_start and (own or part.python.strip()):
                starting.append(
                    f"cell {cell.number}: {quoted(own[0].line if own else part.python.strip())}"
                )
        yield from command_findings(self.artifact, commands, _SETTING)
        yield from self._lines(_SHELL, "shell", [f"{one.place}: {quoted(one.line)}" for one in commands])
        yield from self._lines(_RUNS_FETCHED, "fetches, then runs", list(fetched_then_run(commands)))
        yield from self._lines(_HIDDEN, "hidden cell", sly)
        yield from self._lines(_AT_START, "cell that runs at start", starting)
        yield from self._installed(commands)
        yield from self._drive(parts, commands)

    def _installed(self, commands: list[Command]) -> Iterator[Event]:
        for command in commands:
            lines = installed_by(command.line)
            if lines:
                yield from requirement_findings(self.artifact, lines, command.place)

    def _drive(
        self, parts: list[tuple[NotebookCell, CellParts]], commands: list[Command]
    ) -> Iterator[Finding]:
        mounting = next((cell for cell, part in parts if _MOUNTS.search(part.python)), None)
        if mounting is None:
            return
        texts = [(f"cell {cell.number}", part.python) for cell, part in parts]
        texts += [(command.place, command.line) for command in commands]
        sends = [
            f"{place}: {quoted(match[0])}" for place, text in texts if (match := _SENDS.search(text))
        ]
        if sends:
            lines = [f"cell {mounting.number} mounts the drive of whoever runs it", *sends]
            whole = [
                f"{place}: {quoted(match[0])}" for place, text in texts if (match := _WHOLE.search(text))
            ]
            uploads = any(_UPLOADS.search(text) for _, text in texts)
            rule = _WHOLE_DRIVE if whole and uploads else _DRIVE
            yield from self._lines(rule, "mounted drive", [*lines, *whole])

    def _magics(self, parts: list[tuple[NotebookCell, CellParts]]) -> Iterator[Event]:
        fetched: list[str] = []
        written: list[str] = []
        for cell, part in parts:
            for magic in part.magics:
                place = f"cell {cell.number}, line {magic.line}"
                if magic.name in ("run", "load", "loadpy") and re.search(r"(?i)\bhttps?://", magic.rest):
                    fetched.append(f"{place}: {quoted(f'%{magic.name} {magic.rest}')}")
                if magic.name in _WRITERS and _STARTUP_PLACES.search(magic.rest.strip("'\" ")):
                    written.append(f"{place}: writes {quoted(magic.rest)}")
                yield from self._body(cell, magic)
        yield from self._lines(_RUNS_FETCHED, "runs an address", fetched)
        yield from self._lines(_STARTUP, "startup file", written)

    def _body(self, cell: NotebookCell, magic: Magic) -> Iterator[Event]:
        """The program that a cell magic carries, by its own kind."""
        if not magic.body or magic.name in _PAGES:
            return
        words = magic.rest.split()
        if magic.name in _WRITERS and words:
            name = PurePosixPath(words[-1].strip("'\"").replace("\\", "/")).name or "file"
            yield from self._nest(
                f"cell {cell.number}/{name[:100]}", magic.body.encode("utf-8", "surrogatepass")
            )
            return
        language = (
            words[0].rpartition("/")[2].lower() if magic.name == "script" and words else magic.name
        )
        suffix = _SUFFIXES.get(language)
        if suffix is not None:
            data = magic.body.encode("utf-8", "surrogatepass")
            yield from self._nest(f"cell {cell.number}{suffix}", data)
        elif parse(magic.body) is not None:
            program = _Program()
            program.add(cell, "\n" * magic.line + magic.body)
            for event in judge_python(self.artifact, program.text, self.context):
                yield from _told_of(event, program)

    def _foreign(self) -> Iterator[Event]:
        """Kernels of other languages: the cells as one script of that language."""
        suffix = _SUFFIXES.get(self.notebook.language)
        if suffix is None:
            return
        cells = [cell.source for cell in self.notebook.cells if cell.kind is CellKind.CODE]
        yield from self._nest(f"cells{suffix}", "\n".join(cells).encode("utf-8", "surrogatepass"))

    def _pages(self, parts: list[tuple[NotebookCell, CellParts]]) -> Iterator[OutputText]:
        for cell, part in parts:
            for magic in part.magics:
                if magic.body and magic.name in _PAGES:
                    yield OutputText(f"cell {cell.number}, %%{magic.name}", magic.body)
        for cell in self.notebook.cells:
            if cell.kind is CellKind.MARKDOWN and "<" in cell.source:
                yield OutputText(f"cell {cell.number}", cell.source)
            for content in cell.outputs:
                if content.media_type in _OBEYED:
                    yield OutputText(f"cell {cell.number}, output {content.media_type}", content.text)
        for place, text in _widget_texts(self.notebook.metadata.get("widgets")):
            yield OutputText(f"state of widgets, {place}", text)

    def _carried(self) -> Iterator[Event]:
        """Files in outputs and attachments that are no pictures."""
        for cell in self.notebook.cells:
            contents = [("output", one) for one in cell.outputs] + [
                ("attachment", one) for one in cell.attachments
            ]
            for number, (word, content) in enumerate(contents, start=1):
                data = _file_of(content, is_attachment=word == "attachment")
                if data:
                    yield from self._nest(f"cell {cell.number}/{word} {number}", data)

    def _out_of_sight(self) -> Iterator[Finding]:
        far: list[str] = []
        for cell in self.notebook.cells:
            if cell.kind is not CellKind.CODE:
                continue
            found = [
                match[1]
                for match in _FAR.finditer(cell.source)
                if cell.source[match.start() - 1] == ";" or _LOOKS_RUN.search(match[1])
            ]
            others = [*_FAR_ALONE.findall(cell.source), *_below_blanks(cell.source)]
            found += [one for one in others if _LOOKS_RUN.search(one)]
            far += [f"cell {cell.number}: behind many blanks stands {quoted(text)}" for text in found]
        yield from self._lines(_OUT_OF_SIGHT, "behind blanks", far)

    def _texts(self, cell: NotebookCell) -> Iterator[Event]:
        kind = TextKind.CODE if cell.kind is CellKind.CODE else TextKind.PROSE
        if cell.source.strip():
            yield from self._look(f"cell {cell.number}", cell.source, kind)
        shown = [
            one.text
            for one in cell.outputs
            if one.media_type in _OBEYED or one.media_type == "text/plain"
        ]
        if shown:
            # As code: what outputs do as pages is judged with what is known of plots and widgets.
            yield from self._look(f"cell {cell.number}/outputs", "\n".join(shown), TextKind.CODE)

    def _look(self, place: str, text: str, kind: TextKind) -> Iterator[Event]:
        part = self.artifact.nested(place, MemorySource(text.encode("utf-8", "surrogatepass")))
        yield from look_at_text(part, text, kind, self.context)

    def _lines(self, rule: str, subject: str, lines: list[str]) -> Iterator[Finding]:
        if lines:
            more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
            evidence = "\n".join([line[:400] for line in lines[:_SHOWN]] + more)
            yield Finding(rule=rule, path=self.artifact.path, subject=subject, evidence=evidence)

    def _nest(self, place: str, data: bytes) -> Iterator[Event]:
        self.nested += 1
        if self.nested <= _MOST_NESTED:
            yield self.artifact.nested(place, MemorySource(data))
        elif self.nested == _MOST_NESTED + 1:
            detail = f"a notebook that carries more than {_MOST_NESTED} files; the first ones were read"
            yield Coverage(
                path=self.artifact.path, format=Format.JSON, outcome=Outcome.LIMITED, detail=detail
            )


class _Program:
    """Python of several cells as one text, and which line is whose."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._starts: list[int] = []
        self._cells: list[NotebookCell] = []
        self._lines = 1
        self.length = 0

    def add(self, cell: NotebookCell, text: str) -> None:
        """Append the text of a cell."""
        self._texts.append(text)
        self._starts.append(self._lines)
        self._cells.append(cell)
        self._lines += text.count("\n") + 1
        self.length += len(text) + 1

    @property
    def text(self) -> str:
        """All cells, in their order."""
        return "\n".join(self._texts)

    def place(self, line: int) -> str:
        """Return where a line of the program is in the notebook."""
        at = max(0, bisect_right(self._starts, line) - 1)
        cell = self._cells[at]
        hidden = ", hidden" if cell.is_hidden else ""
        return f"cell {cell.number}{hidden}, line {line - self._starts[at] + 1}"


def _below_blanks(source: str) -> Iterator[str]:
    """Lines that stand below more empty lines than a screen is high."""
    empty = 0
    for line in source.split("\n"):
        if line.strip():
            if empty >= _EMPTY_LINES:
                yield line[:400]
            empty = 0
        else:
            empty += 1


def _told_of(event: Event, program: _Program) -> Iterator[Event]:
    """An event of the program in the words of the notebook: which cell, which line of it."""
    match event:
        case Finding():
            evidence = _LINE_MENTION.sub(
                lambda match: f"{program.place(int(match[1]))}:", event.evidence
            )
            route = evidence.partition(":")[0] if evidence != event.evidence else event.route
            rule = _STARTS if event.rule == STARTS else event.rule
            yield replace(event, rule=rule, evidence=evidence, route=route)
        case Coverage() if event.outcome is Outcome.OPAQUE:
            return
        case _:
            yield event


def _own_commands(cell: NotebookCell, part: CellParts) -> Iterator[Command]:
    for line, text in part.commands:
        yield Command(f"cell {cell.number}, line {line}", text)


def _calls_of_kernel(cell: NotebookCell, part: CellParts) -> Iterator[Command]:
    """Commands that Python gives to IPython: `get_ipython().system("...")`."""
    if "get_ipython" not in part.python:
        return
    for call in read_python(part.python).calls:
        if not ("get_ipython()" in call.name and call.name.endswith(_KERNEL_CALLS)):
            continue
        given = [text for text in call.arguments if isinstance(text, str)]
        if call.name.endswith(("_magic",)):
            given = (
                given[1:]
                if given and given[0] in ("system", "sx", "bash", "sh", "pip", "script")
                else []
            )
        for text in given:
            for line in text.splitlines()[:200]:
                yield Command(f"cell {cell.number}, line {call.place}", line)


def _widget_texts(widgets: Json, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Texts of the saved state of widgets that a browser would obey."""
    if depth > 8:
        return
    items = (
        widgets.items()
        if isinstance(widgets, dict)
        else enumerate(widgets)
        if isinstance(widgets, list)
        else ()
    )
    for key, value in items:
        if isinstance(value, str):
            if "<" in value or key == "_esm" or "javascript" in value[:200].lower():
                yield str(key)[:80], value
        else:
            yield from _widget_texts(value, depth + 1)


def _file_of(content: Content, *, is_attachment: bool) -> bytes | None:
    """The bytes of a content that is neither a picture nor read as a page."""
    media = content.media_type
    if media == "image/svg+xml":
        return content.text.encode("utf-8", "surrogatepass")
    is_binary = media.startswith(("application/", "image/", "audio/", "video/")) or is_attachment
    if media in _PICTURES or media in _OBEYED or "json" in media or not is_binary:
        return None
    if media.startswith(("image/", "audio/", "video/")) and not is_attachment:
        return None
    if len(content.text) > _LARGEST_ATTACHMENT:
        return None
    try:
        return base64.b64decode("".join(content.text.split()), validate=True) or None
    except (binascii.Error, ValueError):
        return None


def _is_python(language: str) -> bool:
    return (
        language.startswith(("python", "ipython", "coconut", "sage", "xeus-python")) or language == "py"
    )
