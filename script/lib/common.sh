# shellcheck shell=bash
# Sourced by every script: the project's root as the current folder, plain words on the terminal, root only where it takes root.

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

heading() { printf '\n==> %s\n' "$*"; }
say() { printf '    %s\n' "$*"; }
die() {
  printf '\nFAILED: %s\n' "$*" >&2
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif has sudo; then
    sudo "$@"
  else
    die "this takes root, and there is no sudo: $*"
  fi
}

# Where cargo puts what it builds; a developer may have moved it.
target_dir() {
  local dir=${CARGO_TARGET_DIR:-target}
  case $dir in
    /*) printf '%s\n' "$dir" ;;
    *) printf '%s/%s\n' "$PWD" "$dir" ;;
  esac
}

# The version of a crate in Cargo.lock, so that a tool that must agree with a library cannot drift from it.
locked_version() {
  awk -v name="$1" '$1 == "name" { here = ($3 == "\"" name "\"") } here && $1 == "version" { gsub(/"/, "", $3); print $3; exit }' Cargo.lock
}
