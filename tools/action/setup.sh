#!/usr/bin/env bash
# The first step of action.yml: weighbridge in a Python environment of its own, from locked requirements.
# The tag or commit of the action is the version of the program: it is installed from the action's files.
#
# The job begins in a checkout that may be a stranger's. So nothing runs from there: Python is isolated (-I,
# else `-m venv` would take a folder `venv` of the checkout), and what would lead it elsewhere is unset.
set -euo pipefail

readonly venv="$RUNNER_TEMP/weighbridge-venv"
readonly requirements="$GITHUB_ACTION_PATH/requirements/action.txt"
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONUSERBASE PIP_TARGET PIP_PREFIX PIP_ROOT PIP_USER

python=$(command -v -- "$WB_PYTHON") || {
    echo "::error::there is no such Python on the runner as the input 'python' names"
    exit 2
}
python=$(realpath -s -- "$python")
cd "$RUNNER_TEMP"
"$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "::error::weighbridge needs Python 3.11 or later; the input 'python' names another"
    exit 2
}
# A second use in the same job finds it ready, when it is a use of the same action.
if ! { printf '%s\n' "$GITHUB_ACTION_PATH" && cat "$requirements"; } | cmp -s - "$venv/installed.txt"; then
    "$python" -I -m venv --clear "$venv"
    pip=("$venv/bin/python" -I -m pip --disable-pip-version-check --quiet install)
    "${pip[@]}" --require-hashes --only-binary :all: -r "$requirements"
    "${pip[@]}" --no-deps --no-build-isolation "$GITHUB_ACTION_PATH"
    { printf '%s\n' "$GITHUB_ACTION_PATH" && cat "$requirements"; } > "$venv/installed.txt"
fi
printf 'venv=%s\nprogram=%s\n' "$venv" "$venv/bin/weighbridge" >> "$GITHUB_OUTPUT"
