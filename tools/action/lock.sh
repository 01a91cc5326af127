#!/usr/bin/env bash
# Lock what the action installs, for every Python that weighbridge runs on. Needs `pip install uv`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
uv pip compile pyproject.toml requirements/action.in --quiet --universal --python-version 3.11 \
    --extra archives --extra datasets --extra objectstore --extra signing \
    --generate-hashes --no-header --no-annotate --output-file requirements/action.txt
sed -i '1i # What the action installs, locked by tools/action/lock.sh for every Python that weighbridge runs on.' \
    requirements/action.txt
