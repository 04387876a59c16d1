# shellcheck shell=bash
# Google's Firestore emulator: finds it, installs it where that is possible, starts and stops one.

# Prints the path of the emulator: of ROLITT_FIRESTORE_JAR, from Google's package, from a Cloud SDK,
# or from the cache of the Firebase tools. Prints an empty line if there is none.
firestore_jar() {
  local jar sdk
  if [ -n "${ROLITT_FIRESTORE_JAR:-}" ]; then
    printf '%s\n' "$ROLITT_FIRESTORE_JAR"
    return
  fi
  jar=$(dpkg -L google-cloud-cli-firestore-emulator 2>/dev/null | grep -m1 '/cloud-firestore-emulator\.jar$') || true
  if [ -z "$jar" ] && has gcloud; then
    sdk=$(gcloud info --format='value(installation.sdk_root)' 2>/dev/null) || true
    jar=$(compgen -G "$sdk/platform/cloud-firestore-emulator/cloud-firestore-emulator.jar") || true
  fi
  [ -n "$jar" ] || jar=$(compgen -G "${HOME:-/root}/.cache/firebase/emulators/cloud-firestore-emulator-*.jar" | sort -V | tail -n1) || true
  printf '%s\n' "$jar"
}

# Prints why there is no emulator; nothing if there is one.
firestore_missing() {
  local jar
  jar=$(firestore_jar)
  if [ ! -e "$jar" ]; then
    echo "Google's Firestore emulator is not here (its package is google-cloud-cli-firestore-emulator, from Google's own archive)"
  elif ! has java; then
    echo "there is no java to run Google's Firestore emulator with"
  fi
}

# Installs the emulator if Google's archive is among Debian's sources (Debian's own archive has
# none), and a Java to run it with.
setup_firestore() {
  if [ ! -e "$(firestore_jar)" ] && apt-cache policy google-cloud-cli-firestore-emulator 2>/dev/null | grep -q 'Candidate: [0-9]'; then
    apt_install google-cloud-cli-firestore-emulator || true
  fi
  if [ -e "$(firestore_jar)" ] && ! has java; then apt_install default-jre-headless; fi
  missing=$(firestore_missing)
  [ -z "$missing" ] || say "without Firestore's tests: $missing"
}

# Starts an emulator and exports its address as FIRESTORE_EMULATOR_HOST. `stop_firestore` ends it.
start_firestore() {
  local log
  log=$(mktemp)
  FIRESTORE_EMULATOR_HOST=127.0.0.1:$(node -e "const s = require('net').createServer().listen(0, '127.0.0.1', () => { console.log(s.address().port); s.close() })")
  export FIRESTORE_EMULATOR_HOST
  java -Xmx1g -cp "$(firestore_jar)" com.google.cloud.datastore.emulator.firestore.CloudFirestore start \
    --host="${FIRESTORE_EMULATOR_HOST%:*}" --port="${FIRESTORE_EMULATOR_HOST#*:}" >"$log" 2>&1 &
  firestore_pid=$!
  for _ in $(seq 300); do
    if curl -sf -o /dev/null "http://$FIRESTORE_EMULATOR_HOST/" 2>/dev/null || node -e "fetch('http://$FIRESTORE_EMULATOR_HOST/').then(() => process.exit(0), () => process.exit(1))"; then
      rm -f "$log"
      return
    fi
    kill -0 "$firestore_pid" 2>/dev/null || break
    sleep 0.2
  done
  cat "$log" >&2
  die "Google's Firestore emulator did not start"
}

stop_firestore() {
  [ -z "${firestore_pid:-}" ] || kill "$firestore_pid" 2>/dev/null || true
}
