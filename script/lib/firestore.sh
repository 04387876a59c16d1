# shellcheck shell=bash
# Google's Firestore emulator: where it is, if anywhere, and one of it for as long as this script runs.

# From Google's package, from a Cloud SDK, or as the Firebase tools keep it; ROLITT_FIRESTORE_JAR names another.
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

# Why there is no emulator; nothing when there is one.
firestore_missing() {
  local jar
  jar=$(firestore_jar)
  if [ ! -e "$jar" ]; then
    echo "Google's Firestore emulator is not here (its package is google-cloud-cli-firestore-emulator, from Google's own archive)"
  elif ! has java; then
    echo "there is no java to run Google's Firestore emulator with"
  fi
}

# Debian's own archive has no emulator; where Google's is among the sources, it is installed, and where it is there, so is a Java.
setup_firestore() {
  if [ ! -e "$(firestore_jar)" ] && apt-cache policy google-cloud-cli-firestore-emulator 2>/dev/null | grep -q 'Candidate: [0-9]'; then
    apt_install google-cloud-cli-firestore-emulator || true
  fi
  if [ -e "$(firestore_jar)" ] && ! has java; then apt_install default-jre-headless; fi
  missing=$(firestore_missing)
  [ -z "$missing" ] || say "without Firestore's tests: $missing"
}

# Starts one that ends with this script, and says where it is in FIRESTORE_EMULATOR_HOST.
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
