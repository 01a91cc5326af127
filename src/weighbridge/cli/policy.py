"""`weighbridge policy check`, `weighbridge policy test`: a policy is code, and is tried like code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from weighbridge.cli.scan_options import PolicyOptions, policy_options
from weighbridge.knowledge.signatures import Signatures
from weighbridge.policy import exit_code, read_policy
from weighbridge.policy.rehearsal import Outcome, cases_of, rehearse
from weighbridge.reporters import policy_text
from weighbridge.reporters.words import count


@click.group(short_help="Check a policy, or try it on stored reports.")
def command() -> None:
    """Check a policy file, or try it on reports of earlier scans."""


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(file: Path) -> None:
    """Read FILE as a policy, and say what is wrong with it.

    Exit codes: 0 it can be used, 2 it can't.
    """
    policy = read_policy(file, rules=Signatures.installed().rules)
    click.echo(
        f"{file}: fails on {policy.fail_on.word}, {count(len(policy.suppressions), 'suppression')}, "
        f"{count(len(policy.sources), 'rule')} for sources"
    )


@command.command()
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="REPORT.json|CASES.toml...",
)
@policy_options
def test(*, paths: tuple[Path, ...], policy: PolicyOptions) -> None:
    """Say what a policy makes of stored reports; nothing is scanned.

    A report is judged as `weighbridge scan` would have done, with its exit codes. A file of cases
    says what is expected: exit code 1 when anything is not as expected.
    """
    signatures = Signatures.installed()
    cases = [case for path in paths for case in cases_of(path)]
    outcomes = list(rehearse(cases, policy.load(signatures, ()), signatures.rules))
    click.echo(policy_text.render(outcomes).rstrip("\n"))
    raise click.exceptions.Exit(_exit_code(outcomes))


def _exit_code(outcomes: Sequence[Outcome]) -> int:
    """Reports that no case expects anything of count as in a scan, also beside cases."""
    if any(one.objections for one in outcomes):
        return 1
    free = [one for one in outcomes if one.case.verdict is None]
    return exit_code([one.verdict if one.decision is not None else None for one in free]) if free else 0
