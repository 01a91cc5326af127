"""What hostile inputs cost, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from commands import row, shown
from hostile import MAKERS
from measure import Measured, measure
from peers import WEIGHBRIDGE, WORK, Tool
from report import Section, Target, seconds

_TIMEOUT_S = 60.0
_MEMORY_BYTES = 8 << 30
_NO_REASON = "no reason found"
_WORDS = {
    "ten-million-entries.zip": "a well-formed zip of 10 million empty members, 920 MB",
    "huge-memo-index.pkl": "LONG_BINPUT 4,294,967,295: 32 GiB of memo in an unpickler",
    "four-gigabyte-bytes.pkl": "a pickle of one bytes object of 4 GiB",
    "holds-itself.zip": "a zip whose member is the zip itself",
    "sixteen-gigabyte-bomb.pt": "`data.pkl` of 16 GiB of zeros in 16 MiB",
}


def hostile(folder: Path, tools: Sequence[Tool]) -> Section:
    """Every hostile input, through every tool, stopped after a minute."""
    rows: list[tuple[str, ...]] = []
    ours: dict[str, Measured] = {}
    for name in MAKERS:
        for tool in (WEIGHBRIDGE, *tools):
            memory = 0 if tool is WEIGHBRIDGE else _MEMORY_BYTES
            run = measure(
                tool.command(folder / name),
                env=tool.env,
                cwd=WORK,
                timeout_s=_TIMEOUT_S,
                memory_bytes=memory,
            )
            print(f"  {tool.title}, {name}: {run.exit_words}, {seconds(run.cpu_s)} CPU", flush=True)
            if tool is WEIGHBRIDGE:
                ours[name] = run
            title, code, cpu, _, wall, largest, _ = row(tool.title, run)
            rows.append((f"`{name}`", title, code, cpu, wall, largest))
    return Section(
        title="Hostile inputs",
        text="\n".join(f"- `{name}`: {words}" for name, words in _WORDS.items())
        + "\n\nOne run each, stopped after 60 s. Weighbridge runs with its defaults (2 GiB for a "
        "worker); the others get 8 GiB of address space, so that the machine survives them.",
        header=("input", "tool", "exit", "CPU", "wall", "largest process"),
        rows=tuple(rows),
        commands=tuple(shown(run) for run in ours.values()),
        targets=tuple(
            Target(
                f"`{name}`: exit 3 and clear words",
                f"exit {run.exit_words}; {_said(run)}",
                run.exit_words == "3" and _said(run) != _NO_REASON,
            )
            for name, run in ours.items()
        ),
        notes=(
            "Exit 0 of another tool on these inputs means that it found nothing; it does not say "
            "whether it looked.",
        ),
    )


def _said(run: Measured) -> str:
    """The reason that the report gives, on one line."""
    lines = [line.strip() for line in run.output.splitlines()]
    start = next((at for at, line in enumerate(lines) if line.startswith(("limited:", "failed:"))), None)
    return " ".join(lines[start : start + 2])[:160] if start is not None else _NO_REASON
