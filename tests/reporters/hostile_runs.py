"""Runs whose every text attacks a page that shows it: markup, scripts, links, mentions, directions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from tests.reporters import sample_runs as sample
from weighbridge.core.artifact import Origin
from weighbridge.core.finding import Finding
from weighbridge.core.report import Coverage, Opinion, OpinionState, Outcome, Report, ScannedFile
from weighbridge.policy import Policy, Suppression
from weighbridge.reporters.interface import Run, Unreachable

ATTACKS = (
    "<script>alert('weighbridge-marker')</script>",
    "\"><img src=x onerror=alert('weighbridge-marker')>",
    "'><svg/onload=alert`1`>",
    "</script></style></title></textarea><script>alert(1)</script>",
    "javascript:alert(1)",
    "<a href='https://example.invalid/'>click</a>",
    "<meta http-equiv=refresh content='0;url=https://example.invalid/'>",
    "<base href=https://example.invalid/><link rel=stylesheet href=//example.invalid/x.css>",
    "<form action=https://example.invalid/><button autofocus>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "&lt;script&gt;alert(1)&lt;/script&gt;&#60;b&#62;",
    "<!-- --><![CDATA[ ]]>",
    "{{ 7 * 7 }}{% raw %}",
    "a|b||c\\|d\\",
    "```\n# heading\n```` ` ``",
    "](https://example.invalid/x) ![i](https://example.invalid/i.png) [r]: https://example.invalid",
    "@everyone @octocat/team #1 GH-1 octocat/hello#1 https://example.invalid www.example.invalid",
    "mail@example.invalid <https://example.invalid> <mail@example.invalid>",
    "line\r\n\r\n## FAIL\n\n| a | b |\n| - | - |\n",
    "\u202etxt.exe\u202c\u2066\u200b\ufeff\u00ad\u2028\u2029\x85",
    "\x1b[31mred\x1b]0;title\x07\x00\x08",
    "\udcff\ud800\ufffe\U0001f4a9",
    "אבג.pt עברית",
    "--><!--#exec cmd='echo weighbridge-marker'-->",
    "x" * 2000,
    " ",
    "`",
    "..",
)
"""None of them does anything: each shows a marker, or leads to a host that does not exist."""


def run() -> Run:
    """One target for each attack, which stands in every text that a target can choose, and more."""
    results = [
        sample.judged(_report(text, number), _policy(text)) for number, text in enumerate(ATTACKS)
    ]
    return sample.run(*results, Unreachable(target=ATTACKS[0], error=" ".join(ATTACKS)))


def run_of(text: str) -> Run:
    """A run whose only target says the same text everywhere."""
    return sample.run(sample.judged(_report(text, 0), _policy(text)))


def single_runs() -> Iterator[Run]:
    """Each attack alone, as the only target, from each kind of place."""
    for number, text in enumerate(ATTACKS):
        yield sample.run(sample.judged(_report(text, number), _policy(text)))


def _policy(text: str) -> Policy:
    entry = Suppression(rule="GEN901", artifact="**", reason=text, expires=date(2027, 1, 31), owner=text)
    return Policy(suppressions=(entry,), notes=(text,))


def _report(text: str, number: int) -> Report:
    path = (f"{text}/{text}.pt", text)
    finding = Finding(
        rule="PKL901",
        path=path,
        subject=text,
        evidence=f"{text}\n{text}",
        offset=number,
        route=text,
        related=(text, text),
    )
    return Report(
        target=text,
        origin=Origin(
            kind=("local", "huggingface", "mlflow", "oci", "https")[number % 5],
            location=("/repo/", "hf://", "models:/", "oci://", "https://")[number % 5] + text,
            revision=text,
            sha256=text,
            registry_verdicts={text: text},
            facts={"license": text, "server": text, text: text},
        ),
        findings=(finding, sample.oddity(text)),
        coverage=(_row(path[:1], text), _row(path, text), _row((text,), text)),
        opinions=(
            Opinion(
                engine="fickling",
                version=text,
                path=path,
                state=OpinionState.DISAGREED,
                reason=text,
                objections=(text, text),
                evidence=text,
            ),
        ),
        files=(ScannedFile(name=path[0], size_bytes=number, sha256=text), ScannedFile(name=text)),
    )


def _row(path: tuple[str, ...], text: str) -> Coverage:
    return Coverage(path=path, format=text, outcome=Outcome.FAILED, size_bytes=1, detail=text)
