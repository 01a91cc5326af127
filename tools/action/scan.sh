#!/usr/bin/env bash
# The one step of action.yml: install weighbridge into a folder of its own, scan, say the verdict.
# Inputs come as environment variables only: nothing of theirs is ever part of a command's text.
set -euo pipefail

readonly venv="$RUNNER_TEMP/weighbridge"
token="${HF_TOKEN:-}"
unset HF_TOKEN # the installation has no use for it
"python${WB_PYTHON:-3}" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$GITHUB_ACTION_PATH"

options=(--fail-on "$WB_FAIL_ON" -f sarif -f human -o "$WB_SARIF_FILE")
[ "$WB_ALLOW_INCOMPLETE" != true ] || options+=(--allow-incomplete)
[ -z "$WB_POLICY" ] || options+=(--policy "$WB_POLICY")

targets=()
while IFS= read -r line; do
    [ -z "$line" ] || targets+=("$line")
done <<< "$WB_TARGET"
[ "${#targets[@]}" -gt 0 ] || { echo "::error::the input 'target' is empty"; exit 2; }

[ -z "$token" ] || export HF_TOKEN="$token"
code=0
"$venv/bin/weighbridge" scan "${options[@]}" -- "${targets[@]}" || code=$?
case "$code" in
    0) verdict=pass ;;
    1) verdict=fail ;;
    3) verdict=incomplete ;;
    *) verdict=error ;;
esac
{
    echo "verdict=$verdict"
    [ ! -f "$WB_SARIF_FILE" ] || printf 'sarif-file=%s\n' "${WB_SARIF_FILE//[$'\r\n']/}"
} >> "$GITHUB_OUTPUT"
exit "$code"
