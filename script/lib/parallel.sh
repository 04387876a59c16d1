# shellcheck shell=bash
# Named checks that print their seconds, one after the other or in parallel.

# Prints a heading, runs the command, prints its seconds. There is no `|| die` here: that would
# switch `set -e` off inside the command, if it is a function of ours. `finish` names the failed
# check instead.
check() {
  local began=$SECONDS
  checking=$1
  shift
  heading "$checking"
  "$@"
  say "($((SECONDS - began)) s)"
  checking=
}

# Starts a check in the background, at a low priority. `join_checks` prints its output, so that the
# outputs of two checks do not mix.
in_background() {
  local log
  log=$(mktemp)
  # A background process of a script ignores Ctrl-C; `finish` ends it.
  (
    trap - EXIT
    renice -n 15 "$BASHPID" >/dev/null 2>&1 || true
    check "$@"
  ) >"$log" 2>&1 &
  background_checks+=("$!:$log:$1")
}

# Waits for the checks in the background and prints their output, in the order of their start. Ends
# the script with the status of the first one that failed.
join_checks() {
  local entry pid log status
  while [ ${#background_checks[@]} -gt 0 ]; do
    entry=${background_checks[0]}
    pid=${entry%%:*} log=${entry#*:} status=0
    checking=${log#*:} log=${log%%:*}
    wait "$pid" || status=$?
    background_checks=("${background_checks[@]:1}")
    cat "$log"
    rm -f "$log"
    [ "$status" = 0 ] || exit "$status"
    checking=
  done
}

# Ends the checks that still run in the background.
end_checks() {
  local entry
  for entry in "${background_checks[@]}"; do
    end_process "${entry%%:*}"
    rm -f "$(cut -d: -f2 <<<"$entry")"
  done
  background_checks=()
}

end_process() {
  local child
  for child in $(ps -o pid= --ppid "$1" 2>/dev/null); do end_process "$child"; done
  kill "$1" 2>/dev/null || true
}

background_checks=()

# Names the failed check, ends those in the background, and calls the script's `clean_up`, if it has
# one.
finish() {
  [ $? = 0 ] || printf '\nFAILED: %s\n' "${checking:-$0}" >&2
  end_checks
  if declare -F clean_up >/dev/null; then clean_up; fi
}
trap finish EXIT
