#!/usr/bin/env bash
# The first step of action.yml: weighbridge in a Python environment of its own, from locked requirements.
# The tag or commit of the action is the version of the program: it is installed from the action's files.
set -euo pipefail

readonly venv="$RUNNER_TEMP/weighbridge-venv"
readonly requirements="$GITHUB_ACTION_PATH/requirements/action.txt"

"$WB_PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "::error::weighbridge needs Python 3.11 or later; the input 'python' names another"
    exit 2
}
# A second use in the same job finds it ready.
if ! cmp -s "$requirements" "$venv/installed.txt"; then
    "$WB_PYTHON" -m venv --clear "$venv"
    pip=("$venv/bin/python" -m pip --disable-pip-version-check --quiet install)
    "${pip[@]}" --require-hashes --only-binary :all: -r "$requirements"
    "${pip[@]}" --no-deps --no-build-isolation "$GITHUB_ACTION_PATH"
    cp "$requirements" "$venv/installed.txt"
fi
printf 'venv=%s\nprogram=%s\n' "$venv" "$venv/bin/weighbridge" >> "$GITHUB_OUTPUT"
