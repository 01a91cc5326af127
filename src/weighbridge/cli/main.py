"""The command group. Subcommands are imported when they are used: `--help` stays fast."""

from __future__ import annotations

import importlib
import sys

import click

from weighbridge.core.version import VERSION
from weighbridge.errors import GateClosed, WeighbridgeError

_COMMANDS = {
    "scan": "Scan files, folders, registries and stores, and decide.",
    "pull": "Scan a target, and download it only if the policy lets it pass.",
    "verify": "Hold a pulled folder, or its target, against weighbridge.lock.",
    "gate": "Scan what arrived in a registry, mark it there, and promote it only on PASS.",
    "audit": "Audit whole stores into a database, again and again.",
    "policy": "Check a policy, or try it on reports of earlier scans.",
    "attest": "Scan a target, and sign what was found.",
    "explain": "Explain a rule, an ATLAS technique or a mitigation.",
    "case": "Show an ATLAS case study step by step, and what a target shows of it.",
    "capability": "Say what a callable can do, and how its source gets there.",
    "rules": "List the rules.",
    "disasm": "List what a pickle does, opcode by opcode, without running it.",
}


class LazyGroup(click.Group):
    """A group whose commands live in `weighbridge.cli.<name>` as `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = importlib.import_module(f"weighbridge.cli.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"weighbridge.cli.{cmd_name} defines no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="weighbridge")
def commands() -> None:
    """What would loading this model do? Scan before you load.

    Nothing that is scanned is ever executed, imported or unpickled.
    """


def main() -> None:
    """Entry point of the console script."""
    try:
        sys.exit(commands.main(standalone_mode=False) or 0)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.Abort:
        click.echo("Interrupted.", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except GateClosed as closed:
        click.echo(f"weighbridge: {closed}", err=True)
        sys.exit(closed.exit_code)
    except WeighbridgeError as error:
        click.echo(f"weighbridge: {error}", err=True)
        sys.exit(2)
