"""Python files that a tool runs by their name: at every start, at an installation, at a test."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from weighbridge.core.artifact import Artifact
from weighbridge.core.finding import Finding
from weighbridge.formats.anomaly import quoted
from weighbridge.formats.scripts.python_source import parse, read_python

_EVERY_START, _INSTALLING, _BY_NAME, _INTERACTIVE = "PKG011", "PKG013", "PKG016", "DEV041"
_START_ACTS: Final = "PKG022"
_STARTS: Final = frozenset({"sitecustomize.py", "usercustomize.py"})
_ACTS: Final = (
    "os.system",
    "os.popen",
    "os.exec",
    "os.spawn",
    "os.posix_spawn",
    "os.startfile",
    "pty.spawn",
    "subprocess.run",
    "subprocess.call",
    "subprocess.check_",
    "subprocess.Popen",
    "subprocess.get",
    "urllib.request.",
    "urllib2.",
    "http.client.HTTP",
    "requests.",
    "httpx.",
    "socket.socket",
    "socket.create_connection",
)
_RUNS_TEXT: Final = frozenset({"exec", "eval", "builtins.exec", "builtins.eval"})
_TOOLS: Final = {
    "setup.py": "pip runs it to install or build the package",
    "conftest.py": "pytest runs it before it collects tests",
    "noxfile.py": "nox runs it",
    "dodo.py": "doit runs it",
    "fabfile.py": "fabric runs it",
    "wscript": "waf runs it",
    "sconstruct": "SCons runs it",
}
_COMMANDS: Final = frozenset(
    {
        "install",
        "develop",
        "egg_info",
        "build_py",
        "sdist",
        "bdist_egg",
        "build",
        "editable_wheel",
        "install_lib",
    }
)
_DOES: Final = re.compile(
    r"\b(?:os\.(?:system|popen|exec\w*|spawn\w*)|subprocess\.\w+|urllib\.request\.\w+|urlopen"
    r"|urlretrieve|requests\.\w+|socket\.\w+|exec|eval|base64\.\w+)\s*\("
)
_LINES_RUN: Final = re.compile(
    r"\bc\s*\.\s*\w+\s*\.\s*(?:exec_lines|exec_files|code_to_run|file_to_run|startup)\b[^\n]{0,200}"
)


def by_name(artifact: Artifact, text: str) -> Iterator[Finding]:
    """Yield what the name of a Python file makes of it."""
    name = artifact.name.replace("\\", "/").lower()
    base = PurePosixPath(name).name
    if base in _STARTS and text.strip():
        yield _finding(
            artifact,
            _EVERY_START,
            base,
            f"{base}, {len(text):,} characters: Python imports it at every start",
        )
        yield from _acts(artifact, text, base)
    if base in _TOOLS:
        yield _finding(artifact, _BY_NAME, base, f"{base}: {_TOOLS[base]}")
    if base == "setup.py":
        yield from _commands(artifact, text)
    if re.search(r"(?:^|/)(?:\.ipython/)?profile_\w+/startup/[^/]+\.i?py\Z", name):
        yield _finding(
            artifact, _INTERACTIVE, "startup", "IPython runs it at every start of this profile"
        )
    if base in (
        "ipython_config.py",
        "jupyter_notebook_config.py",
        "jupyter_server_config.py",
        "jupyter_lab_config.py",
    ):
        lines = [match[0] for match in _LINES_RUN.finditer(text) if not match[0].rstrip().endswith("[]")]
        uncommented = [line for line in lines if re.search(rf"(?m)^[ \t]*{re.escape(line)}", text)]
        if uncommented:
            yield _finding(
                artifact, _INTERACTIVE, "configuration", "\n".join(map(quoted, uncommented[:5]))
            )


def _acts(artifact: Artifact, text: str, base: str) -> Iterator[Finding]:
    """What a file that every start imports starts, contacts or runs out of texts."""
    calls = read_python(text).calls
    lines = [
        f"line {call.place}: {call.name}"
        for call in calls
        if call.name.startswith(_ACTS) or call.name in _RUNS_TEXT
    ]
    if lines:
        yield _finding(artifact, _START_ACTS, base, "\n".join(dict.fromkeys(lines[:6])))


def _commands(artifact: Artifact, text: str) -> Iterator[Finding]:
    """Command classes that do more than commands of setuptools do."""
    if "cmdclass" not in text:
        return
    tree = parse(text)
    if tree is None:
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        bases = {_last(base).lower() for base in node.bases}
        if not any(
            base.removesuffix("command").removeprefix("_").removeprefix("orig_") in _COMMANDS
            for base in bases
        ):
            continue
        source = ast.get_source_segment(text, node) or ""
        match = _DOES.search(source)
        if match is not None:
            words = (
                f"line {node.lineno}: class {node.name} of {', '.join(sorted(bases))} calls "
                f"{quoted(match[0])}"
            )
            yield _finding(artifact, _INSTALLING, node.name, words)


def _last(node: ast.expr) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
        case _:
            return ""


def _finding(artifact: Artifact, rule: str, subject: str, evidence: str) -> Finding:
    return Finding(rule=rule, path=artifact.path, subject=subject, evidence=evidence)
