# shellcheck shell=bash
# git's hooks in .githooks/.

# Prints how to switch them on, unless this clone has hooks already. Changes nothing: the setting is
# the developer's.
offer_hooks() {
  if [ -n "${CI:-}" ] || git config core.hooksPath >/dev/null 2>&1; then return; fi
  say "to have script/check run before each commit: git config core.hooksPath .githooks"
}
