"""A runner for composite actions, as far as ours needs one: each `run:` step, with files of GITHUB_*.

`uses:` steps are not run but recorded, with their inputs. Expressions are `inputs.x`,
`steps.x.outputs.y`, `always()`, `==`, `!=` and `&&`; another one is an error, so that an action
that outgrows this runner is noticed.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

_EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")
_COMMAND = re.compile(r"^\s*::(?P<name>[0-9a-z-]+)(?: (?P<properties>[^:]*))?::(?P<message>.*)$")


@dataclass(frozen=True, slots=True)
class Command:
    """A workflow command as the runner reads it, decoded."""

    name: str
    properties: Mapping[str, str]
    message: str


@dataclass(slots=True)
class Job:
    """What became of the action."""

    exit_code: int = 0
    log: str = ""
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    used: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)


class Runner:
    """One job on one machine: `folder` is its disk."""

    def __init__(self, action: Path, folder: Path, workspace: Path) -> None:
        self._action = action
        self._folder = folder
        self._workspace = workspace
        self._description = yaml.safe_load((action / "action.yml").read_text(encoding="utf-8"))

    def run(
        self, inputs: Mapping[str, str], *, given: Mapping[str, Mapping[str, str]] | None = None
    ) -> Job:
        """Run the action with these inputs; steps in `given` are taken as done, with their outputs."""
        declared = self._description["inputs"]
        assert set(inputs) <= set(declared)
        values = {name: str(one.get("default", "")) for name, one in declared.items()} | dict(inputs)
        known: dict[str, Mapping[str, str]] = dict(given or {})
        job = Job()
        for number, step in enumerate(self._description["runs"]["steps"]):
            name = step.get("id", str(number))
            if name in known or not self._is_due(step, job, values, known):
                continue
            if "uses" in step:
                told = {key: self._told(str(one), values, known) for key, one in step["with"].items()}
                job.used.append((step["uses"], told))
            else:
                known[name] = self._step(step, job, values, known)
        for name, one in self._description["outputs"].items():
            job.outputs[name] = self._told(one["value"], values, known)
        return job

    def _is_due(
        self, step: Mapping[str, str], job: Job, inputs: Mapping[str, str], known: _Known
    ) -> bool:
        condition = step.get("if", "success()")
        parts = [part.strip() for part in condition.split("&&")]
        return (job.exit_code == 0 or "always()" in parts) and all(
            self._holds(part, inputs, known) for part in parts if part not in ("always()", "success()")
        )

    def _holds(self, part: str, inputs: Mapping[str, str], known: _Known) -> bool:
        left, sign, right = re.split(r"\s*(==|!=)\s*", part)
        is_same = _value(left, inputs, known) == right.strip("'")
        return is_same if sign == "==" else not is_same

    def _told(self, text: str, inputs: Mapping[str, str], known: _Known) -> str:
        return _EXPRESSION.sub(lambda match: _value(match[1], inputs, known), text)

    def _step(
        self, step: Mapping[str, object], job: Job, inputs: Mapping[str, str], known: _Known
    ) -> Mapping[str, str]:
        assert step["shell"] == "bash"
        assert "${{" not in str(step["run"])
        files = {name: self._folder / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        files["GITHUB_OUTPUT"].write_bytes(b"")
        given = step.get("env", {})
        assert isinstance(given, dict)
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", str(step["run"])],
            cwd=self._workspace,
            env={
                **os.environ,
                **{name: str(path) for name, path in files.items()},
                "RUNNER_TEMP": str(self._folder),
                "GITHUB_ACTION_PATH": str(self._action),
                "GITHUB_WORKSPACE": str(self._workspace),
                **{key: self._told(str(value), inputs, known) for key, value in given.items()},
            },
            capture_output=True,
            check=False,
        )
        said = (done.stdout + done.stderr).decode()
        job.log += said
        job.commands += _commands(done.stdout.decode())
        job.exit_code = job.exit_code or done.returncode
        summary = files["GITHUB_STEP_SUMMARY"]
        job.summary = summary.read_text(encoding="utf-8") if summary.exists() else ""
        return dict(_outputs(files["GITHUB_OUTPUT"].read_text(encoding="utf-8")))


_Known = Mapping[str, Mapping[str, str]]


def _value(expression: str, inputs: Mapping[str, str], known: _Known) -> str:
    match expression.split("."):
        case ["inputs", name]:
            return inputs[name]
        case ["steps", step, "outputs", name]:
            return known.get(step, {}).get(name, "")
    raise AssertionError(f"this runner does not know the expression {expression!r}")


def _outputs(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        assert equals
        assert "<<" not in name
        yield name, value


def _commands(text: str) -> Iterator[Command]:
    """Read commands like the runner: none while they are stopped, values decoded."""
    resumes: str | None = None
    for line in text.splitlines():
        match = _COMMAND.match(line)
        if match is None:
            continue
        if resumes is not None:
            resumes = None if match["name"] == resumes else resumes
        elif match["name"] == "stop-commands":
            resumes = match["message"]
        else:
            pairs = (one.partition("=") for one in (match["properties"] or "").split(",") if one)
            properties = {key: _decoded(value) for key, _, value in pairs}
            yield Command(match["name"], properties, _decoded(match["message"]))


def _decoded(value: str) -> str:
    for mark in ("\r", "\n", ":", ","):
        value = value.replace(f"%{ord(mark):02X}", mark)
    return value.replace("%25", "%")
