# shellcheck shell=bash
# The shop with its front end: as it is developed, and as it is released.

# The folder of a release's front end. Not that of the development shop: the build removes all files
# that it did not write.
# shellcheck disable=SC2034 # for the scripts that source this
release_site=target/release-site

# Builds what `cargo leptos build` builds for development, in the same folders with the same
# options, but without cargo-leptos, which takes longer to install than everything else that a
# development shop needs. Builds server and front end in parallel, because each of them ends with
# work for one core.
build_dev() {
  local front
  build_front_dev &
  front=$!
  # Waits in either case, so that no build goes on alone.
  cargo build --locked --package rolitt --bin rolitt || {
    wait "$front" || true
    exit 1
  }
  wait "$front"
}

# Builds the WebAssembly, its glue, the stylesheet and the public files.
build_front_dev() {
  local target=wasm32-unknown-unknown pkg=target/site/pkg part
  cargo build --locked --package rolitt --lib --target "$target" --target-dir "$(target_dir)/front" \
    --no-default-features --features hydrate
  mkdir -p "$pkg"
  wasm-bindgen --target web --out-name rolitt --out-dir "$pkg" "$(target_dir)/front/$target/debug/rolitt.wasm"
  # A server that cargo built asks for the name with "_bg"; one that cargo-leptos built, without.
  cp "$pkg/rolitt_bg.wasm" "$pkg/rolitt.wasm"
  # main.css is nothing but the order of the parts.
  sed -nE 's/^@import "([^"]+)";$/\1/p' style/main.css | while read -r part; do cat "style/$part"; done >"$pkg/rolitt.css"
  cp -r public/. target/site/
}

# Builds as released, into the site folder that is the first argument; further arguments, such as
# `--frontend-only`, go to cargo-leptos.
build_release() {
  local site=$1
  shift
  mkdir -p "$site"
  env -u LEPTOS_HASH_FILES LEPTOS_SITE_ROOT="$site" cargo leptos build --cargo-locked --release --precompress "$@"
}
