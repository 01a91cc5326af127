"""Break samples of every format and look at them: `make fuzz`.

    python fuzz/fuzz_formats.py --seconds 300 [--family keras --family onnx] [--seed 1] [--zoo FOLDER]
    python fuzz/fuzz_formats.py --truncate [--family keras]       every prefix of every sample

A case fails when an analyzer raises anything but what it may, when it hangs or takes more memory
than a worker has, or when the process dies. Failing cases are written to fuzz/found/, and the run
ends with exit code 1.

A family is the first folder of a sample's name. Each runs in a process of its own, that long.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from samples.build import all_samples

from fuzz.inspecting import confine, load_knowledge, trouble
from fuzz.mutation import mutate

FOUND = Path(__file__).resolve().parent / "found"
_LARGEST_SEED = 1 << 19
_MOST_FAILURES = 20
_SILENCE_S = 180


def families(zoo: Path | None) -> dict[str, list[tuple[str, bytes]]]:
    """Return the samples by family; with a zoo, its small files as families of their own."""
    found: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
    for name, data in all_samples():
        found[name.split("/")[0]].append((name, data))
    for path in sorted(zoo.rglob("*")) if zoo is not None else ():
        parts = path.relative_to(zoo or path).parts
        if path.is_file() and not parts[0].startswith(".") and len(parts) > 1:
            found[f"zoo-{parts[0]}"].append((path.name, path.read_bytes()[:_LARGEST_SEED]))
    return {
        name: [one for one in seeds if len(one[1]) <= _LARGEST_SEED] for name, seeds in found.items()
    }


def cases(seeds: list[tuple[str, bytes]], options: argparse.Namespace) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of broken files: every prefix, or mutations until the time is over."""
    if options.truncate:
        for name, data in seeds:
            yield from ((name, data[:length]) for length in range(0, len(data), options.stride))
        return
    rng = random.Random(options.seed)
    others = [data for _, data in seeds]
    deadline = time.monotonic() + options.seconds
    while time.monotonic() < deadline:
        name, data = rng.choice(seeds)
        yield name, mutate(data, others, rng)


def fuzz_one(family: str, options: argparse.Namespace) -> int:
    """Run the cases of one family in this process; the case at hand is always on disk."""
    knowledge = load_knowledge()
    seeds = families(options.zoo)[family]
    confine()
    FOUND.mkdir(exist_ok=True)
    at_hand = FOUND / f"{family}.at-hand"
    count = failures = 0
    heard = time.monotonic()
    for name, data in cases(seeds, options):
        at_hand.write_bytes(name.encode() + b"\n" + data)
        wrong = trouble(name, data, knowledge)
        count += 1
        if wrong is not None:
            failures += 1
            at_hand.rename(FOUND / f"{family}-{options.seed}-{count}.case")
            print(f"{family}: {name}: {wrong}", flush=True)
            if failures >= _MOST_FAILURES:
                break
        if time.monotonic() - heard > 10:
            heard = time.monotonic()
            print(".", end="", flush=True)
    at_hand.unlink(missing_ok=True)
    print(f"\n{family}: {count:,} cases, seed {options.seed}, {failures} failures", flush=True)
    return 1 if failures else 0


def watch(family: str, arguments: list[str], seconds: float) -> int:
    """Run one family in a child; a child that dies or falls silent has found something."""
    command = [sys.executable, __file__, "--child", family, *arguments]
    try:
        code = subprocess.run(command, check=False, timeout=seconds + _SILENCE_S).returncode
    except subprocess.TimeoutExpired:
        code = -1
    if code not in (0, 1):
        print(
            f"{family}: the process died or hung ({code}); see fuzz/found/{family}.at-hand", flush=True
        )
        return 1
    return code


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60, help="for each family")
    parser.add_argument("--family", action="append", help="may be repeated; default: all")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--zoo", type=Path, help="a folder that tests/zoo/build.py wrote")
    parser.add_argument("--truncate", action="store_true", help="every prefix in place of mutations")
    parser.add_argument("--stride", type=int, default=1, help="with --truncate: every n-th prefix")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return fuzz_one(options.child, options)
    arguments = [f"--seconds={options.seconds}", f"--seed={options.seed}", f"--stride={options.stride}"]
    arguments += [f"--zoo={options.zoo}"] if options.zoo else []
    arguments += ["--truncate"] if options.truncate else []
    longest = options.seconds if not options.truncate else 10**6
    chosen = options.family or sorted(families(options.zoo))
    return max(watch(family, arguments, longest) for family in chosen)


if __name__ == "__main__":
    sys.exit(main())
