# shellcheck shell=bash
# Builds the fault harness with the two programs that it strikes, and runs it.

# The shop with chaos, the harness, and the shop as it is released, side by side: cargo gives both shops one name. After the profile
# comes what the released one is built beside.
build_faults() {
  local profile=$1 built
  shift
  built=$(target_dir)/$([ "$profile" = dev ] && echo debug || echo release)
  faults_programs=$(target_dir)/faults/$profile
  mkdir -p "$faults_programs"
  heading "Building the shop with chaos, and the harness ($profile)"
  cargo build --locked --profile "$profile" --features chaos --bin rolitt --bin faults
  cp --remove-destination "$built/rolitt" "$faults_programs/rolitt-chaos"
  cp --remove-destination "$built/faults" "$faults_programs/faults"
  heading "Building the shop as it is released ($profile)"
  cargo build --locked --profile "$profile" --bin rolitt "$@"
  cp --remove-destination "$built/rolitt" "$faults_programs/rolitt"
}

faults() {
  heading "Faults: $*"
  "$faults_programs/faults" --programs "$faults_programs" "$@"
}

# Small enough for every test run. The controls take longer, and are `script/faults --controls`.
faults_quick() {
  faults storm --seed 7 --sessions 300 --within 4 --kills 1 --crashes 1
}
