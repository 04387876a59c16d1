# shellcheck shell=bash
# The commands that cargo installs, each at one version.

# Crate, version ("" for any), the command that prints its version, then what `cargo install` needs besides.
cargo_tool() {
  local crate=$1 version=$2 probe=$3
  shift 3
  tool_answers "$probe" "$version" && return
  # Prebuilt takes seconds where the downloads are allowed; only tried where the developer already has binstall.
  if has cargo-binstall; then
    say "asking cargo-binstall for $crate $version"
    timeout 180 cargo binstall --no-confirm --disable-strategies compile "$crate${version:+@$version}" || true
    tool_answers "$probe" "$version" && return
  fi
  say "building $crate $version, once (minutes)"
  # Tools that run for seconds a day need no optimiser: a third of the time, measured on cargo-leptos.
  CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=64 CARGO_PROFILE_RELEASE_OPT_LEVEL=0 \
    env -u CARGO_TARGET_DIR cargo install "$crate" ${version:+--version "=$version"} --force "$@"
  tool_answers "$probe" "$version" || die "$crate $version was installed, but \`$probe\` does not answer with that version"
}

tool_answers() {
  local answer
  answer=$($1 2>/dev/null) || return 1
  [ -z "$2" ] || [[ " ${answer//$'\n'/ } " == *" $2 "* ]]
}

setup_cargo_tools() {
  cargo_tool cargo-leptos 0.3.11 "cargo leptos --version" --locked --features no_downloads
  # The library's and the command's version have to be equal. Not --locked: the lock that 0.2.130 ships cannot be had everywhere.
  cargo_tool wasm-bindgen-cli "$(locked_version wasm-bindgen)" "wasm-bindgen --version"
  cargo_tool sqlx-cli "$(locked_version sqlx)" "cargo sqlx --version" --locked --no-default-features --features postgres,rustls
  cargo_tool cargo-nextest "" "cargo nextest --version" --locked
}
