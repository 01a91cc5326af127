"""Hold the machine's law against CPython: run for as long as you like, `make fuzz`.

    python fuzz/fuzz_pickle.py --seconds 600 [--seed 1] [--python python3.13 ...]

Every case goes through each oracle's C and pure unpicklers. An import that one of them reaches
and our trace lacks is printed with the case in hex, and ends the run with exit code 1.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.oracle.client import Oracle, missed
from tests.oracle.generator import generate


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--cases", type=int, default=10**12)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--python", action="append", help="an interpreter to ask; may be repeated")
    parser.add_argument("--show", type=int, default=4000, help="characters of a difference to print")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    oracles = [Oracle(python) for python in options.python or [sys.executable]]
    deadline = time.monotonic() + options.seconds
    cases = reached = failures = 0
    while time.monotonic() < deadline and cases < options.cases and failures < 10:
        data = generate(rng)
        cases += 1
        for oracle in oracles:
            answer = oracle.imports(data)
            reached += any(answer.values())
            for loader, name in missed(data, answer):
                failures += 1
                print(f"MISSED {name} by {loader}: {data.hex()}"[: options.show], flush=True)
    print(f"{cases:,} cases, seed {seed}, {reached:,} reached an import, {failures} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
