# Shared by the checks; sourced, never run. Works from the root of the tree.
# shellcheck shell=bash
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
cd "$ROOT"

# our_files PATTERN...: files of ours that match, as git knows them or would (not what .gitignore names).
our_files() { git ls-files --cached --others --exclude-standard --deduplicate -- "$@" 2>/dev/null | while read -r f; do [ ! -e "$f" ] || echo "$f"; done; }
