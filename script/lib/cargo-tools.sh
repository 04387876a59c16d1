# shellcheck shell=bash
# The commands that cargo installs, each at one version.

# Installs a tool unless it is there: its crate, its version ("" for any), the command that prints
# the version, then further arguments of `cargo install`.
cargo_tool() {
  local crate=$1 version=$2 probe=$3
  shift 3
  tool_answers "$probe" "$version" && return
  # A prebuilt program takes seconds where downloads work. Only tried if cargo-binstall is there.
  if has cargo-binstall; then
    say "asking cargo-binstall for $crate $version"
    timeout 180 cargo binstall --no-confirm --disable-strategies compile "$crate${version:+@$version}" || true
    tool_answers "$probe" "$version" && return
  fi
  say "building $crate $version, once (minutes)"
  # Without optimisation: a third of the build time, measured on cargo-leptos.
  CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=64 CARGO_PROFILE_RELEASE_OPT_LEVEL=0 \
    env -u CARGO_TARGET_DIR cargo install "$crate" ${version:+--version "=$version"} --force "$@"
  tool_answers "$probe" "$version" || die "$crate $version was installed, but \`$probe\` does not answer with that version"
}

tool_answers() {
  local answer
  answer=$($1 2>/dev/null) || return 1
  [ -z "$2" ] || [[ " ${answer//$'\n'/ } " == *" $2 "* ]]
}

# Installs the command in the version of the library; they have to be equal. Not --locked: some
# registries lack a version that the lock of 0.2.130 names. Without TLS, which only the downloads of
# its test runner need.
setup_wasm_bindgen() {
  cargo_tool wasm-bindgen-cli "$(locked_version wasm-bindgen)" "wasm-bindgen --version" --no-default-features --bin wasm-bindgen
}

setup_cargo_tools() {
  cargo_tool cargo-leptos 0.3.11 "cargo leptos --version" --locked --features no_downloads
  cargo_tool cargo-nextest "" "cargo nextest --version" --locked
}
