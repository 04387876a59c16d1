# shellcheck shell=bash
# Sourced by every script: makes the project's root the current folder, prints headings, asks for
# root rights only where they are needed.

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

# Prints the absolute path of cargo's target folder, which a developer may have moved.
target_dir() {
  local dir=${CARGO_TARGET_DIR:-target}
  case $dir in
    /*) printf '%s\n' "$dir" ;;
    *) printf '%s/%s\n' "$PWD" "$dir" ;;
  esac
}

# Prints the version of a crate in Cargo.lock, for a tool whose version must equal a library's.
locked_version() {
  awk -v name="$1" '$1 == "name" { here = ($3 == "\"" name "\"") } here && $1 == "version" { gsub(/"/, "", $3); print $3; exit }' Cargo.lock
}
