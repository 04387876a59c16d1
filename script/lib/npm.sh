# shellcheck shell=bash
# The npm packages in end2end/: the browser tests, and the wasm-opt that cargo-leptos runs (Debian's
# is too old for this compiler).

setup_npm() {
  local installed=end2end/node_modules/.installed-from
  cmp -s end2end/package-lock.json "$installed" && return
  say "installing the npm packages of end2end/"
  (cd end2end && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund)
  cp end2end/package-lock.json "$installed"
}
