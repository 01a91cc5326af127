"""Break some files of sample repositories and judge them together: `make fuzz`.

    python fuzz/fuzz_repositories.py --seconds 300 [--seed 1]

A repository is a folder of samples with two files or more. A case fails when a judge raises anything
but what it may, or when it hangs or takes more memory than a worker has.
"""

from __future__ import annotations

import argparse
import json
import posixpath
import random
import sys
import time
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from samples.build import all_samples

from fuzz.inspecting import confine, load_knowledge, repository_trouble
from fuzz.mutation import mutate

FOUND = Path(__file__).resolve().parent / "found"
_LARGEST_SEED = 1 << 18
_MOST_FILES = 40
_MOST_FAILURES = 20


def repositories() -> list[dict[str, bytes]]:
    """Return the folders of samples that hold two files or more, as repositories of their own."""
    found: dict[str, dict[str, bytes]] = defaultdict(dict)
    for name, data in all_samples():
        parts = name.split("/")
        if len(parts) > 2 and len(data) <= _LARGEST_SEED:
            found["/".join(parts[:2])]["/".join(parts[2:])] = data
        elif len(data) <= _LARGEST_SEED:
            found[posixpath.dirname(name)][parts[-1]] = data
    return [files for files in found.values() if len(files) > 1]


def broken(files: dict[str, bytes], rng: random.Random) -> dict[str, bytes]:
    """Return some of the files, one or more of them broken, some under the name of another."""
    names = rng.sample(sorted(files), min(len(files), rng.randint(1, _MOST_FILES)))
    result = {name: files[name] for name in names}
    for name in rng.sample(names, min(len(names), rng.choice((1, 1, 2, 4)))):
        result[name] = mutate(files[name], list(files.values()), rng)
    if rng.random() < 0.2:
        result[rng.choice(names)] = files[rng.choice(sorted(files))]
    return result


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args()
    rng = random.Random(options.seed)
    knowledge, seeds = load_knowledge(), repositories()
    confine()
    FOUND.mkdir(exist_ok=True)
    count = failures = 0
    deadline = time.monotonic() + options.seconds
    while time.monotonic() < deadline and failures < _MOST_FAILURES:
        files = broken(rng.choice(seeds), rng)
        base = broken(rng.choice(seeds), rng) if rng.random() < 0.3 else None
        wrong = repository_trouble(files, base, knowledge)
        count += 1
        if wrong is not None:
            failures += 1
            kept = {name: data.decode("latin-1") for name, data in files.items()}
            place = FOUND / f"repository-{options.seed}-{count}.json"
            place.write_text(json.dumps(kept), encoding="utf-8")
            print(f"{place.name}: {wrong}", flush=True)
    print(f"{count:,} repositories, seed {options.seed}, {failures} failures", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
