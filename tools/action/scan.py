"""The second step of action.yml: scan, annotate, summarise, and leave the verdict to the last step.

Everything comes in as environment variables. What comes out of a target (names, evidence) is data:
it is never printed where the runner looks for commands, nor written to an output unescaped.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))  # -I leaves it out, and the checkout with it

from before import as_of, git, policy_as_of

VERDICTS = {0: "pass", 1: "fail", 3: "incomplete"}
LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "notice", "info": "notice"}
EXTENSIONS = {"cyclonedx": "cdx.json", "junit": "junit.xml", "navigator": "layer.json", "human": "txt"}
MOST_ANNOTATIONS = 10
"""Of each level; the runner shows no more for one step."""
SUMMARY_BYTES = 1024 * 1024
MOST_CHANGED = 500
POLICY = "weighbridge.toml"
DIFF = (
    *("diff", "--name-only", "-z", "--no-renames", "--diff-filter=ACMT"),
    "--ignore-submodules=none",  # .gitmodules is of the change too
)


class Wrong(Exception):
    """The step can't do what its inputs ask for; the words say why."""


def main() -> None:
    try:
        code, report, folder = scan(os.environ)
    except Wrong as error:
        command("error", str(error))
        output({"verdict": "error", "exit-code": "2"})
        return
    annotate(report)
    summarise(folder / "summary.md")
    results = {
        "verdict": VERDICTS.get(code, "error"),
        "exit-code": str(code),
        "findings-count": str(sum(len(one["findings"]) for one in report.get("targets", ()))),
        "incomplete-count": str(sum(1 for _ in gaps(report))),
        "report-folder": str(folder),
    }
    for key, name in (("report-json", "report.json"), ("sarif-file", "report.sarif")):
        if (folder / name).is_file():
            results[key] = str(folder / name)
    output(results)


def scan(environment: Mapping[str, str]) -> tuple[int, dict[str, Any], Path]:
    """Run the program; return its exit code, its JSON report and the folder of all reports."""
    folder = Path(
        environment.get("WB_REPORT_FOLDER") or Path(environment["RUNNER_TEMP"], "weighbridge-reports")
    ).absolute()
    prepare(folder, reports(environment).values())
    targets = lines(environment.get("WB_TARGETS", ""))
    if not targets:
        raise Wrong("the input 'targets' is empty")
    since = environment.get("WB_CHANGED_SINCE", "").strip()
    if since:
        targets = changed(since, targets)
        if not targets:
            (folder / "summary.md").write_text("weighbridge: no target has changed.\n", encoding="utf-8")
            print("No target has changed.")
            return 0, {}, folder
    code = run([*options(environment, folder), "--", *targets], environment)
    try:
        report = json.loads((folder / "report.json").read_bytes())
    except (OSError, ValueError):
        if code == 0:
            raise Wrong("the scan ended without its report") from None
        report = {}
    return code, report, folder


def prepare(folder: Path, names: Iterable[str]) -> None:
    """Make the folder of the reports; no link of the checkout leads them elsewhere."""
    here = Path.cwd().resolve()
    if folder.is_relative_to(Path.cwd()) and not folder.resolve().is_relative_to(here):
        raise Wrong("the input 'report-folder' is a link that leads out of the workspace")
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).unlink(missing_ok=True)


def reports(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the file name of each report, by its format."""
    formats = lines(environment.get("WB_FORMATS", ""))
    files = {"sarif": "report.sarif", "json": "report.json", "markdown": "summary.md"}
    for one in formats:
        if not one.isalnum():
            raise Wrong(f"the input 'formats' names {one!r}, which is no format")
        files.setdefault(one, f"report.{EXTENSIONS.get(one, one)}")
    return files


def options(environment: Mapping[str, str], folder: Path) -> Iterator[str]:
    """Yield the program's options for the inputs."""
    yield from ("-f", "human")
    for kind, name in reports(environment).items():
        yield from ("-f", kind, "-o", str(folder / name))
    line = environment.get("WB_FAIL_ON", "").strip()
    if line:
        yield from ("--fail-on", line)
    yield from accepted(environment)
    if environment.get("WB_FAIL_ON_INCOMPLETE", "true").strip().lower() == "false":
        yield "--allow-incomplete"


def accepted(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the options for policy and baseline: of a change, those from before it."""
    policy = environment.get("WB_POLICY", "").strip()
    baseline = environment.get("WB_BASELINE", "").strip()
    commit = compared(environment)
    if commit is None or (not policy and not baseline and whole(environment)):
        yield from ("--policy", policy) if policy else ()
        yield from ("--baseline", baseline) if baseline else ()
        return
    folder = Path(environment["RUNNER_TEMP"], f"weighbridge-before-{secrets.token_hex(8)}")
    folder.mkdir()
    file, is_changed = policy_as_of(commit, Path(policy or POLICY), folder)
    if is_changed:
        say_that_it_does_not_count(policy or POLICY)
    if file is None and policy and not is_changed:
        raise Wrong(f"there is no policy file {policy!r}")
    if file is None:
        file = folder / "none.toml"
        file.write_bytes(b"")
    yield from ("--policy", str(file))
    if baseline:
        known, is_changed = as_of(commit, Path(baseline), folder)
        if is_changed:
            say_that_it_does_not_count(baseline)
        if known is None and not is_changed:
            raise Wrong(f"there is no baseline {baseline!r}")
        yield from ("--baseline", str(known)) if known is not None else ()


def whole(environment: Mapping[str, str]) -> bool:
    """True when the program leaves its policy alone, because a target holds that too."""
    if environment.get("WB_CHANGED_SINCE", "").strip():
        return False
    here = Path.cwd().resolve()
    return any(
        here.is_relative_to(Path(one).resolve()) for one in lines(environment.get("WB_TARGETS", ""))
    )


def say_that_it_does_not_count(name: str) -> None:
    words = (
        f"{name} is another one before this change, and that one counts: nothing brings its own pardon"
    )
    command("warning", words, title="policy of the change left alone")


def compared(environment: Mapping[str, str]) -> str | None:
    """Return the commit before a change: of 'changed-since', else of a pull request."""
    since = environment.get("WB_CHANGED_SINCE", "").strip()
    if since:
        return None if set(since) == {"0"} else since
    if not environment.get("GITHUB_EVENT_NAME", "").startswith("pull_request"):
        return None
    try:
        event = json.loads(Path(environment.get("GITHUB_EVENT_PATH", "")).read_bytes())
        commit = str(event["pull_request"]["base"]["sha"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if (
        re.fullmatch("[0-9a-f]{40,64}", commit)
        and git("cat-file", "-e", f"{commit}^{{commit}}") is not None
    ):
        return commit
    words = "policy and baseline are those of the pull request itself: check out with fetch-depth: 0"
    command("warning", words, title="policy of the change")
    return None


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run `weighbridge scan` with commands of the runner switched off while it prints."""
    kept = {name: value for name, value in environment.items() if not name.startswith("WB_")}
    token = environment.get("WB_TOKEN", "").strip()
    if token:
        print(f"::add-mask::{escaped(token)}", flush=True)
        kept["HF_TOKEN"] = token
    pause = secrets.token_hex(16)
    print(f"::stop-commands::{pause}", flush=True)
    try:
        program = [sys.executable, "-I", "-m", "weighbridge", "scan", *arguments]
        done = subprocess.run(program, check=False, env=kept, stdin=subprocess.DEVNULL)
    finally:
        print(f"\n::{pause}::", flush=True)
    return done.returncode


def changed(since: str, paths: Sequence[str]) -> list[str]:
    """Return the files below `paths` that are new or different since a commit of this repository."""
    if ".." in since or not re.fullmatch(r"\w[\w./-]*", since):
        raise Wrong("the input 'changed-since' is no commit")
    if set(since) == {"0"}:
        return list(paths)  # a push that begins a branch has no commit before it
    pathspecs = [pathspec(path) for path in paths]
    done = subprocess.run(
        ["git", *DIFF, "--end-of-options", f"{since}...HEAD", "--", *pathspecs],
        check=False,
        capture_output=True,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = said[-1] if said else "it does not say why"
        raise Wrong(
            f"git can't compare with the commit of 'changed-since': {why}; check out with fetch-depth: 0"
        )
    for path, spec in zip(paths, pathspecs, strict=True):
        if not git("log", "-1", "--format=%H", "--end-of-options", since, "HEAD", "--", spec):
            raise Wrong(
                f"the target {path!r} is nothing of this repository, as 'changed-since' needs it"
            )
    names = [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
    if len(names) > MOST_CHANGED:
        return list(paths)
    return [local(name) for name in names]


def pathspec(path: str) -> str:
    """Say to git what a target means to the program: a path if there is one, else a pattern."""
    is_pattern = any(mark in path for mark in "*?[") and not os.path.lexists(path)
    plain = os.path.relpath(path)
    return ":/" if plain == "." else f":(top,{'glob' if is_pattern else 'literal'}){plain}"


def local(name: str) -> str:
    """Return a path of the repository so that it is taken for one, whatever it is called.

    Without the dot, `models:/name/1` would be looked for in a registry. A link is scanned as what
    it leads to, which must be of the checkout.
    """
    if not Path(name).resolve().is_relative_to(Path.cwd().resolve()):
        raise Wrong(f"{name!r} is a link that leads out of the repository; it can't be scanned")
    if Path(name).is_dir() and not any(Path(name).iterdir()):
        raise Wrong(f"the submodule {name!r} has changed and is not checked out: set submodules: true")
    return f"./{name}" if ":" in name else name


def annotate(report: Mapping[str, Any]) -> None:
    """Put the worst findings, and what could not be read, beside the job's log."""
    left = dict.fromkeys(("error", "warning", "notice"), MOST_ANNOTATIONS)
    for target in report.get("targets", ()):
        if target.get("error"):
            command("error", f"{target['target']}: {target['error']}", title="could not be read")
        for finding in target["findings"]:
            level = LEVELS.get(finding["severity"], "notice")
            if left[level] > 0:
                left[level] -= 1
                words = f"{finding['artifact']}: {finding['evidence']}"
                title = f"{finding['rule']} {finding['severity']}: {finding['title']}"
                command(level, words, file=source_file(target, finding), title=title)
    unread = list(gaps(report))
    for row in unread[:MOST_ANNOTATIONS]:
        words = f"{row['artifact']}: {row['detail']}"
        command("warning", words, title=f"not read to its end ({row['outcome']})")


def gaps(report: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of coverage that make a verdict incomplete."""
    for target in report.get("targets", ()):
        for row in target["coverage"]:
            if row["outcome"] in ("unsupported", "limited", "failed"):
                yield row


def source_file(target: Mapping[str, Any], finding: Mapping[str, Any]) -> str | None:
    """Return the file of this repository that a finding is in; None for targets elsewhere."""
    origin = target.get("origin") or {}
    if origin.get("kind") != "local":
        return None
    root = Path(origin["location"])
    path = root / finding["path"][0] if root.is_dir() else root
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return None


def summarise(markdown: Path) -> None:
    """Append the Markdown report to the step's summary, as far as that has room."""
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if not summary or not markdown.is_file():
        return
    text = markdown.read_bytes()
    with Path(summary).open("ab") as file:
        if file.tell() + len(text) < SUMMARY_BYTES:
            file.write(text)
        else:
            file.write(b"\nThe report of weighbridge is too long for this page: see its files.\n")


def command(name: str, message: str, **properties: str | None) -> None:
    """Print a command of the runner; nothing in it can end it or begin another."""
    given = {key: value for key, value in properties.items() if value is not None}
    said = ",".join(f"{key}={escaped(value, ':,')}" for key, value in given.items())
    print(f"::{name}{' ' if said else ''}{said}::{escaped(message)}", flush=True)


def escaped(text: str, further: str = "") -> str:
    """Write a value the way the runner reads it back; other control characters are spelled out."""
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    for mark in further:
        text = text.replace(mark, f"%{ord(mark):02X}")
    return "".join(mark if mark.isprintable() else f"\\u{ord(mark):04x}" for mark in text)


def output(values: Mapping[str, str]) -> None:
    """Write the step's outputs, one line each."""
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8", errors="replace") as file:
        for key, value in values.items():
            file.write(f"{key}={''.join(mark for mark in value if mark.isprintable())}\n")


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


if __name__ == "__main__":
    main()
