# shellcheck shell=bash
# The checks that script/test runs, in three parts.

# A heading, then the command with its own output. No `|| die` here: it would switch `set -e` off inside the command, if that is
# a function of ours. The trap names a failure instead, so that it is found without scrolling.
check() {
  local began=$SECONDS
  checking=$1
  shift
  heading "$checking"
  "$@"
  say "($((SECONDS - began)) s)"
  checking=
}
finish() {
  [ $? = 0 ] || printf '\nFAILED: %s\n' "${checking:-setup}" >&2
  # The tests leave their PostgreSQL running, for the next `cargo test`; after all checks there is none.
  if [ -d target/test-postgres ]; then
    ROLITT_DATA_DIR=target/test-postgres "$(target_dir)/debug/rolitt" postgres stop >/dev/null 2>&1 || true
  fi
}
trap finish EXIT

# A shop is configured by its environment: what a developer has exported for a real one must not reach the tests.
forget_configuration() {
  local name
  for name in $(compgen -e); do
    case $name in
      APP_* | DATABASE_* | STRIPE_* | KLAVIYO_* | FIREBASE_* | FIRESTORE_* | GOOGLE_* | LEPTOS_* | SANDBOX_* | CHECKOUT_RATE_* | \
        PAYMENT_* | INVOICE_* | ROLITT_TEST_* | COLOR_PRICE_MAP_JSON* | PRODUCT_COLOR_ORDER | OPS_ADDR | ADMIN_TOKEN* | SHIPPING_COUNTRIES | TRUSTED_PROXY_HOPS | MIGRATE | \
        ROLITT_DATA_DIR | RUST_LOG | LOG_FORMAT)
        unset "$name"
        ;;
    esac
  done
  # A compiler's memory of one run is of no use to a clone that is thrown away.
  [ -z "${CI:-}" ] || export CARGO_INCREMENTAL=0
}

run_lint() {
  check "Shell scripts: shellcheck" shellcheck -x -P SCRIPTDIR -P . script/{env,setup,server,test,bench,faults,with-firestore,fuzz,mutants,supply} script/lib/* .ci/run
  check "Browser tests: types" npm --prefix end2end --silent run types
  check "Rust: format" cargo fmt --all --check
  check "Rust: clippy, server and tests" cargo clippy --locked --workspace --all-targets -- -D warnings
  check "Rust: clippy, chaos and the fault harness" cargo clippy --locked --features chaos --bins -- -D warnings
  # The profile and folder of the bundle, so that its macros and build scripts are compiled for both at once.
  check "Rust: clippy, browser" env CARGO_TARGET_DIR="$(target_dir)/front" \
    cargo clippy --locked --lib --no-default-features --features hydrate --target wasm32-unknown-unknown --profile wasm-release -- -D warnings
}

run_rust() {
  check "Rust: unit, property and black-box tests" cargo nextest run --locked --workspace
  if missing=$(firestore_missing) && [ -z "$missing" ]; then
    check "Rust: the shop on Firestore, on Google's emulator" \
      script/with-firestore env ROLITT_TEST_STORE=firestore cargo nextest run --locked --profile firestore
  else
    heading "Rust: the shop on Firestore was NOT tested: $missing"
  fi
  check "Faults: a small storm against the real program" small_storm
  check "Rust: examples in the documentation" cargo test --locked --workspace --doc --quiet
  check "SQL: .sqlx agrees with the migrations" check_queries
}

# Debug builds, which are there for the most part; the whole of it is script/faults.
small_storm() {
  # Beside the tests, as it was built for those.
  build_faults dev --test integration
  faults_quick
}

# Against a database that this makes, migrates and takes away again. Not under the clone: PostgreSQL gives up root, and a clone may lie
# in a folder that only root can enter.
check_queries() (
  rolitt=$(target_dir)/debug/rolitt
  data=$(mktemp -d)
  chmod 755 "$data"
  export ROLITT_DATA_DIR=$data/rolitt
  trap '"$rolitt" postgres stop; rm -rf "$data"' EXIT
  "$rolitt" postgres start
  # Said outright, because a developer's .env may name another database.
  DATABASE_URL=$(cat "$ROLITT_DATA_DIR/database-url")
  export DATABASE_URL
  "$rolitt" migrate

  # sqlx marks every source as changed, to have it compiled against the database; without the old times, all of it would be
  # compiled again by whatever comes next.
  find src -name '*.rs' -printf '%T@ %p\n' >target/source-times
  status=0
  cargo sqlx prepare --check -- --locked --all-targets || status=$?
  while read -r time file; do touch -d "@$time" "$file"; done <target/source-times
  exit "$status"
)

# What the browser tests drive lives in target/e2e, so that a running `script/server` or `cargo leptos watch` keeps its own files:
# the debug server (compiled for the other tests already) with the release front end, which is what customers download.
run_e2e() {
  # With a test beside it, because tests turn on features of dependencies: without, half of those would be compiled once more.
  check "Server for the browser" cargo build --locked --bin rolitt --test integration
  # Without arguments only: those are for the browser's tests.
  [ $# -gt 0 ] || check "Sandbox: driven by Stripe's own client" run_sandbox
  check "Front end for the browser, as released" build_front
  check "Browser: the shop, driven as a customer drives it" npm --prefix end2end --silent test -- "$@"
  [ $# = 0 ] || return 0
  if missing=$(firestore_missing) && [ -z "$missing" ]; then
    check "Browser: buying from the shop on Firestore" \
      script/with-firestore env ROLITT_TEST_STORE=firestore npm --prefix end2end --silent test -- purchase deaf
  else
    heading "Browser: buying from the shop on Firestore was NOT tested: $missing"
  fi
}

# No browser, no database, no front end: the binary is all that it needs.
run_sandbox() {
  lay_out_binary
  npm --prefix end2end --silent run sandbox
}

build_front() (
  export LEPTOS_SITE_ROOT=target/e2e/site LEPTOS_HASH_FILE_NAME=e2e-hash.txt
  mkdir -p "$LEPTOS_SITE_ROOT"
  cargo leptos build --cargo-locked --release --frontend-only --precompress
  # Leptos reads the files' hashes from beside the executable, and cargo-leptos writes them beside the release one.
  cp "$(target_dir)/release/$LEPTOS_HASH_FILE_NAME" target/e2e/hash.txt
  lay_out_binary
)

# A link where it can be one: it stays what it is while the next build makes another.
lay_out_binary() {
  mkdir -p target/e2e
  ln -f "$(target_dir)/debug/rolitt" target/e2e/rolitt 2>/dev/null || cp -f "$(target_dir)/debug/rolitt" target/e2e/rolitt
}
