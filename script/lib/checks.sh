# shellcheck shell=bash
# The checks that script/test runs, in three parts.

# Unsets the shop's variables: a developer's settings for a real shop must not reach the tests.
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
  # Incremental compilation costs time, and CI throws its result away.
  [ -z "${CI:-}" ] || export CARGO_INCREMENTAL=0
}

check_sources() {
  check "Shell scripts: shellcheck" check_shell
  check "Browser tests: types" npm --prefix end2end --silent run types
  check "Rust: format" cargo fmt --all --check
}

check_shell() {
  mapfile -t scripts < <(git ls-files -- script .ci/run .githooks | grep -v '\.txt$')
  shellcheck -x -P SCRIPTDIR -P . "${scripts[@]}"
}

# Runs a build that lints what it compiles. Clippy's driver is a compiler, so no crate is compiled
# once for its lints and once for its code, and no dependency for lints alone. Warnings are errors,
# as with `cargo clippy -- -D warnings`.
with_clippy() {
  local driver
  driver=$(rustc --print sysroot)/bin/clippy-driver
  CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__ RUSTC_WORKSPACE_WRAPPER=$driver "$@"
}

clippy_browser() {
  # The profile and folder of the bundle, so that both share its macros and build scripts.
  cargo clippy --locked --lib --no-default-features --features hydrate --target wasm32-unknown-unknown \
    --target-dir "$(target_dir)/front" --profile wasm-release -- -D warnings
}

# Compiles everything that runs on this machine. The order matters: both builds write the program
# target/debug/rolitt, and the tests need theirs there.
compile() {
  check "Rust: clippy and build, failpoints and the fault harness" with_clippy build_faults_struck dev
  start_query_database
  check "Rust: clippy and build, server and tests; SQL: every query against the migrated database" \
    compile_queries compile_tests
  stop_query_database
  check "SQL: .sqlx is what the database says" diff -r .sqlx target/queries
}

compile_tests() {
  with_clippy cargo nextest run --locked --workspace --no-run
}

compile_front() {
  clippy_browser
  build_front
}

run_rust() {
  check "Rust: unit, property and black-box tests" with_clippy cargo nextest run --locked --workspace
  if missing=$(firestore_missing) && [ -z "$missing" ]; then
    check "Rust: the shop on Firestore, on Google's emulator" \
      with_clippy script/with-firestore env ROLITT_TEST_STORE=firestore cargo nextest run --locked --profile firestore --run-ignored all
  else
    heading "Rust: the shop on Firestore was NOT tested: $missing"
  fi
}

run_examples() {
  with_clippy cargo test --locked --workspace --doc --quiet
}

# Runs the small storm with the debug builds that are there already.
run_storm() {
  faults_programs=$(target_dir)/faults/dev
  cp --remove-destination "$(target_dir)/debug/rolitt" "$faults_programs/rolitt"
  faults_quick
}

# Builds the front end for the browser tests, as customers download it. It lies in target/e2e, so
# that a running development shop keeps its own files. A canary in that shop's folder shows that it
# does.
build_front() {
  local canary=target/site/pkg/canary.txt
  mkdir -p target/site/pkg
  touch "$canary"
  LEPTOS_HASH_FILE_NAME=e2e-hash.txt build_release target/e2e/site --frontend-only
  [ -e "$canary" ] || die "a release build took the development shop's files in target/site away"
  rm "$canary"
  # Leptos reads the hashes of the files from the folder of the executable; cargo-leptos writes them
  # into the folder of the release executable.
  cp "$(target_dir)/release/e2e-hash.txt" target/e2e/hash.txt
  lay_out_binary
}

# Keeps the tests' program under a name that later builds do not overwrite.
lay_out_binary() {
  mkdir -p target/e2e
  ln -f "$(target_dir)/debug/rolitt" target/e2e/rolitt 2>/dev/null || cp -f "$(target_dir)/debug/rolitt" target/e2e/rolitt
}

run_browser() {
  check "Browser: the shop, driven as a customer drives it" npm --prefix end2end --silent test -- "$@"
  [ $# = 0 ] || return 0
  if missing=$(firestore_missing) && [ -z "$missing" ]; then
    check "Browser: buying from the shop on Firestore" \
      script/with-firestore env ROLITT_TEST_STORE=firestore npm --prefix end2end --silent test -- purchase deaf
  else
    heading "Browser: buying from the shop on Firestore was NOT tested: $missing"
  fi
}

# Needs only the program: no browser, no database, no front end.
run_sandbox() {
  lay_out_binary
  npm --prefix end2end --silent run sandbox
}
