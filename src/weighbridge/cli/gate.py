"""`weighbridge gate`: gates between registries. Each is a command in `weighbridge.cli.gate_<name>`."""

from __future__ import annotations

import importlib

import click

_GATES = {
    "mlflow": "Scan model versions of MLflow, tag them, and move an alias only when one passes.",
    "oci": "Scan an artifact of an OCI registry, attach the report, and tag it only when it passes.",
}


class LazyGates(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_GATES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _GATES:
            return None
        gate = importlib.import_module(f"weighbridge.cli.gate_{cmd_name}").command
        if not isinstance(gate, click.Command):
            raise TypeError(f"weighbridge.cli.gate_{cmd_name} defines no command")
        return gate

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_GATES.items()))


@click.group(cls=LazyGates, short_help="Scan what arrived in a registry; promote it only on PASS.")
def command() -> None:
    """Scan what arrived in a registry, mark it there, and promote it only when the policy passes."""
