# shellcheck shell=bash
# The checks of script/supply. Each returns 0 (good), 1 (bad) or 75 (it could not run; `why` has the
# reason).

done_well=() done_badly=() not_done=()
why=

run() {
  local name=$1 status=0
  shift
  heading "$name"
  why=
  "$@" || status=$?
  case $status in
    0) done_well+=("$name") ;;
    75) not_done+=("$name: $why") ;;
    *) done_badly+=("$name") ;;
  esac
}

report() {
  heading "Supply chain"
  for name in "${done_well[@]}"; do say "good     $name"; done
  for name in "${not_done[@]}"; do say "NOT RUN  $name"; done
  for name in "${done_badly[@]}"; do say "BAD      $name"; done
  [ ${#done_badly[@]} = 0 ] || die "${#done_badly[@]} of these checks found something"
}

# The database is a git repository of RustSec's, which not every network reaches.
advisories() {
  local said
  if ! said=$(timeout 120 cargo deny --locked fetch db 2>&1); then
    printf '%s\n' "$said" | tail -n 3
    why="the advisory database cannot be fetched from here"
    return 75
  fi
  cargo deny --locked --all-features check --disable-fetch advisories
}

# Checks that each of our crates forbids unsafe code; the compiler then refuses it.
unsafe_code() {
  grep -q '^unsafe_code = "forbid"' Cargo.toml || return 1
  grep -q '^#!\[forbid(unsafe_code)\]' fuzz/src/lib.rs || return 1
  # libFuzzer's macro names the entry point for the linker, which counts as unsafe. The fuzz targets
  # hold nothing else.
  grep -q '^unsafe_code = "deny"' fuzz/Cargo.toml || return 1
  if grep -rnE '(^|[^_])unsafe( |$)' --include='*.rs' src crates fuzz/src fuzz/targets | grep -vE ':[0-9]+:[[:space:]]*//|only_in\('; then return 1; fi
  say "forbidden in the package and in what fuzzing asserts; denied in the fuzz targets, which are one macro call each"
}

# The packages never reach a customer: they test.
npm_audit() {
  local answer
  answer=$(timeout 120 npm audit --prefix end2end --json 2>/dev/null) || true
  if ! printf '%s' "$answer" | grep -q '"auditReportVersion"'; then
    why="the npm registry that is set up here answers no audits"
    return 75
  fi
  # shellcheck disable=SC2016 # JavaScript's own
  printf '%s' "$answer" | node -e '
    const { vulnerabilities, metadata } = JSON.parse(require("fs").readFileSync(0));
    for (const { name, severity, range } of Object.values(vulnerabilities)) console.log(`    ${severity}: ${name} ${range}`);
    process.exit(metadata.vulnerabilities.total ? 1 : 0);'
}

# Writes a CycloneDX bill of what is compiled into the server and into the browser bundle.
bill_of_materials() {
  local dir
  dir=$(target_dir)/sbom
  mkdir -p "$dir"
  sbom server x86_64-unknown-linux-gnu "$dir" --no-default-features --features ssr &&
    sbom browser wasm32-unknown-unknown "$dir" --no-default-features --features hydrate
}

sbom() {
  local name=$1 target=$2 dir=$3
  shift 3
  # The tool writes into the folder of Cargo.toml.
  cargo cyclonedx --quiet --format json --spec-version 1.5 --target "$target" --override-filename "rolitt-$name.cdx" "$@" || return 1
  mv "rolitt-$name.cdx.json" "$dir/" || return 1
  # One for each crate of the workspace, which the shop's own names already.
  rm -f crates/*/"rolitt-$name.cdx.json"
  say "$dir/rolitt-$name.cdx.json: $(grep -c '"bom-ref"' "$dir/rolitt-$name.cdx.json") components"
}
