# Shared by the scripts; sourced, never run. Sets ROOT, PLI_CACHE, ARCH and the pins.
# shellcheck shell=bash disable=SC2034

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PLI_CACHE=${PLI_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/polars-incremental}
case $PLI_CACHE in /*) ;; *) PLI_CACHE=$PWD/$PLI_CACHE ;; esac
export PLI_CACHE
ARCH=$(uname -m)
PINS=$ROOT/scripts/pins.env
# shellcheck source=scripts/pins.env
. "$PINS"

# The folder that CMake looks in, too (cmake/PliDuckDB.cmake).
DUCKDB_DIR=$PLI_CACHE/duckdb-$DUCKDB_VERSION-$ARCH
JARS_DIR=$PLI_CACHE/jars

say() { printf '%s\n' "setup: $*" >&2; }
die() { printf '%s\n' "setup: error: $1" >&2; shift; for line in "$@"; do printf '       %s\n' "$line" >&2; done; exit 1; }

# venv_dir NAME: where the Python environment made from scripts/requirements/NAME.txt lies. Its name carries a
# checksum of the pins, so that another set of pins is another environment.
venv_dir() {
  local sum rest
  read -r sum rest < <(cat "$ROOT/scripts/requirements/$1.txt" | cksum)
  : "$rest"
  printf '%s\n' "$PLI_CACHE/venv-$1-$sum"
}
