# shellcheck shell=bash
# Builds the fault harness with the two programs that it strikes, and runs it.
# shellcheck disable=SC2317 # script/test calls these by name

# Builds the shop with failpoints, the harness, and the shop as it is released. Copies them into one
# folder under different names, because cargo gives both shops the same name.
build_faults() {
  heading "Building the shop with failpoints, and the harness ($1)"
  build_faults_struck "$1"
  heading "Building the shop as it is released ($1)"
  faults_build "$1" --bin rolitt
  cp --remove-destination "$faults_built/rolitt" "$faults_programs/rolitt"
}

# Builds what no other build makes: the shop with failpoints, and the harness.
build_faults_struck() {
  faults_build "$1" --features rolitt/failpoints --bin rolitt --bin faults
  cp --remove-destination "$faults_built/rolitt" "$faults_programs/rolitt-failpoints"
  cp --remove-destination "$faults_built/faults" "$faults_programs/faults"
}

# Builds with a profile, and sets where the results are. A debug build uses the dependencies that
# were compiled for the tests, with the tests' features; a release build has its own.
faults_build() {
  local profile=$1 features=(--package rolitt --package fault-harness)
  shift
  faults_built=$(target_dir)/release
  if [ "$profile" = dev ]; then
    faults_built=$(target_dir)/debug
    features=(--workspace --test dev_features)
  fi
  faults_programs=$(target_dir)/faults/$profile
  mkdir -p "$faults_programs"
  cargo build --locked --profile "$profile" "${features[@]}" "$@"
}

faults() {
  heading "Faults: $*"
  "$faults_programs/faults" --programs "$faults_programs" "$@"
}

# Runs a storm that is small enough for every test run. The controls take longer; they are
# `script/faults --controls`.
faults_quick() {
  faults storm --seed 7 --sessions 300 --within 4 --kills 1 --crashes 1
}
