"""Time one tool's scan of bytes that are already in memory, inside the tool's own environment.

    PYTHON bench/probe.py TOOL FILE RUNS

What is timed is the same work for each tool: the bytes of one pickle in, the tool's judgement of
it out. No start-up, no import, no reading of files, no report.

- weighbridge: `inspect_tree`, which is what a worker does for an artifact: identify the format, run
  the machine, judge imports and calls, look for gaps, damage, payloads and hidden pickles.
- weighbridge-interpreted: the same with the pickle machine as plain Python.
- picklescan, modelscan: their `scan_pickle_bytes`. fickling: `Pickled.load` and `check_safety`.
- genops: `pickletools.genops`, which the other tools are built on; it judges nothing.
- sha256: for scale.

Prints one JSON object: seconds of processor time for each run, and what the tool said.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

Scan = Callable[[bytes], object]


def main() -> None:
    tool, file, runs = sys.argv[1:4]
    data = Path(file).read_bytes()
    scan = TOOLS[tool]()
    seconds: list[float] = []
    said: object = None
    for _ in range(int(runs)):
        started = time.process_time()
        said = scan(data)
        seconds.append(time.process_time() - started)
    print(json.dumps({"bytes": len(data), "seconds": seconds, "said": said}))


def weighbridge() -> Scan:
    from weighbridge.analyzers.inspection import Context
    from weighbridge.bytesource.memory import MemorySource
    from weighbridge.core.artifact import Artifact
    from weighbridge.core.limits import Budget, Limits
    from weighbridge.core.report import Coverage
    from weighbridge.engine.tree import inspect_tree
    from weighbridge.formats.pickle import machine
    from weighbridge.knowledge.callables import CallableKnowledge
    from weighbridge.knowledge.locate import signatures_dir

    knowledge = CallableKnowledge.load(signatures_dir() / "callables")

    def scan(data: bytes) -> object:
        events: list[object] = []
        artifact = Artifact(("dense.pkl",), MemorySource(data), None)
        inspect_tree(artifact, Context(Budget(Limits()), knowledge), events.append)
        rows = [f"{event.format}: {event.outcome}" for event in events if isinstance(event, Coverage)]
        return {"compiled": machine.IS_COMPILED, "events": len(events), "coverage": rows}

    return scan


def weighbridge_interpreted() -> Scan:
    """Put the source of the two compiled modules in their place, before anything imports them."""
    import weighbridge.formats.pickle as package

    for name in ("store", "machine"):
        full = f"{package.__name__}.{name}"
        source = str(Path(next(iter(package.__path__)), f"{name}.py"))
        loader = importlib.machinery.SourceFileLoader(full, source)
        spec = importlib.util.spec_from_file_location(full, source, loader=loader)
        if spec is None:
            raise SystemExit(f"can't load {source}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[full] = module
        setattr(package, name, module)
        loader.exec_module(module)
    return weighbridge()


def picklescan() -> Scan:
    from picklescan.scanner import scan_pickle_bytes

    def scan(data: bytes) -> object:
        result = scan_pickle_bytes(io.BytesIO(data), "dense.pkl")
        return {"issues": result.issues_count, "error": result.scan_err}

    return scan


def modelscan() -> Scan:
    importlib.import_module("modelscan.modelscan")  # first: its modules import each other in a circle
    from modelscan.model import Model
    from modelscan.settings import DEFAULT_SETTINGS
    from modelscan.tools.picklescanner import scan_pickle_bytes

    def scan(data: bytes) -> object:
        model = Model("dense.pkl", io.BytesIO(data))
        result = scan_pickle_bytes(model, DEFAULT_SETTINGS)
        return {"issues": len(result.issues), "errors": len(result.errors)}

    return scan


def fickling() -> Scan:
    from fickling.analysis import check_safety
    from fickling.fickle import Pickled

    def scan(data: bytes) -> object:
        return {"severity": check_safety(Pickled.load(io.BytesIO(data))).severity.name}

    return scan


def genops() -> Scan:
    import pickletools

    return lambda data: {"opcodes": sum(1 for _ in pickletools.genops(data))}


def sha256() -> Scan:
    import hashlib

    return lambda data: hashlib.sha256(data).hexdigest()


TOOLS: dict[str, Callable[[], Scan]] = {
    "weighbridge": weighbridge,
    "weighbridge-interpreted": weighbridge_interpreted,
    "picklescan": picklescan,
    "modelscan": modelscan,
    "fickling": fickling,
    "genops": genops,
    "sha256": sha256,
}

if __name__ == "__main__":
    main()
