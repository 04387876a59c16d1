# shellcheck shell=bash
# A compiler for the server and for WebAssembly: rustup's if it can get the target, else Debian's.

setup_rust() {
  case $(script/lib/which-rust) in
    active) ;;
    debian) link_debian_toolchain ;;
    missing) add_wasm_target || install_debian_rust ;;
  esac
  # shellcheck source=script/env
  source script/env
  [ "$(script/lib/which-rust)" = active ] || die "no compiler for wasm32-unknown-unknown could be set up; \`rustup update stable\` may help"
  if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
    rustup component add rustfmt clippy
  fi
}

# Bounded in time: some networks drop downloads without refusing them.
add_wasm_target() {
  has rustup && script/lib/which-rust --new-enough || return 1
  say "asking rustup for the wasm32-unknown-unknown target"
  timeout 300 rustup target add wasm32-unknown-unknown
}

install_debian_rust() {
  say "rustup's compiler will not do (too old, or its target cannot be had): using Debian's"
  apt_install rustc-web cargo-web rust-web-src libstd-rust-web-dev rust-web-llvm rustfmt-web rust-web-clippy
  # rust-lld is a link to the linker's own package, which none of these depends on.
  [ -e /usr/bin/rust-lld ] || apt_install "$(basename "$(readlink /usr/bin/rust-lld)")"
  install_wasm_std /usr/lib/rustlib
  link_debian_toolchain
}

# Builds the standard library for wasm32. Debian ships only its source, with all dependencies.
install_wasm_std() {
  local rustlib=$1 scratch built std
  say "building the wasm32 standard library for Debian's compiler, once (about a minute)"
  scratch=$(mktemp -d)
  mkdir "$scratch/src"
  touch "$scratch/src/lib.rs"
  printf '[package]\nname = "throwaway"\nedition = "2024"\n' >"$scratch/Cargo.toml"
  # RUSTC_BOOTSTRAP, because -Zbuild-std is a nightly flag; /usr/bin first, because cargo runs the
  # rustc on PATH.
  (
    cd "$scratch" || exit
    unset CARGO_TARGET_DIR CARGO_BUILD_TARGET RUSTFLAGS RUSTC_WRAPPER RUSTUP_TOOLCHAIN
    RUSTC_BOOTSTRAP=1 PATH="/usr/bin:$PATH" /usr/bin/cargo build --quiet --release --target wasm32-unknown-unknown -Zbuild-std=std,panic_abort
  )
  built=$scratch/target/wasm32-unknown-unknown/release/deps
  rm -f "$built"/libthrowaway-*
  std=$rustlib/wasm32-unknown-unknown
  as_root rm -rf "$std"
  as_root mkdir -p "$std/lib"
  as_root cp "$built"/*.rlib "$std/lib/"
  # For information only: which-rust tries whether the compiler accepts the library.
  /usr/bin/rustc --version --verbose | as_root tee "$std/built-by" >/dev/null
  rm -rf "$scratch"
}

link_debian_toolchain() {
  has rustup || return 0
  rustup toolchain list | grep -q '^debian\b' || rustup toolchain link debian /usr
}
