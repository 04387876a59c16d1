# shellcheck shell=bash
# What changed, and which checks that concerns. `changed` is the list of files, one a line.
# shellcheck disable=SC2154 # script/check sets it

# Prints the revision to compare with: the named one; HEAD if the working tree differs from it; else
# the commit at which this branch left the main branch (on the main branch itself: HEAD's parent).
base_revision() {
  local main
  if [ -n "$1" ]; then
    git rev-parse --verify --quiet --short "$1^{commit}" || die "there is no revision $1"
  elif [ -n "$(git status --porcelain)" ]; then
    git rev-parse --short HEAD
  else
    main=$(git merge-base HEAD origin/main 2>/dev/null || git merge-base HEAD main 2>/dev/null || git rev-parse HEAD)
    if [ "$main" = "$(git rev-parse HEAD)" ]; then main=$(git rev-parse --verify --quiet HEAD^ || echo HEAD); fi
    git rev-parse --short "$main"
  fi
}

# Prints every file that differs from the revision, with those that are not added to git yet.
changed_files() {
  {
    git diff --name-only "$1"
    git ls-files --others --exclude-standard
  } | sort -u
}

touches() {
  grep -qE "$1" <<<"$changed"
}

touches_browser() {
  touches '^src/(app|domain|lib\.rs)|^crates/minor-money/|^Cargo\.(toml|lock)$'
}

# Prints the packages of the changed files, each once: that of a folder in crates/, else the shop.
changed_packages() {
  local file folder
  while read -r file; do
    case $file in
      crates/*/*)
        folder=${file#crates/}
        folder=crates/${folder%%/*}
        [ ! -e "$folder/Cargo.toml" ] || sed -n 's/^name = "\(.*\)"$/\1/p' "$folder/Cargo.toml" | head -n1
        ;;
      src/* | migrations/* | .sqlx/* | Cargo.* | *.toml) echo rolitt ;;
    esac
  done <<<"$changed" | sort -u
}

unit_tests() {
  cargo nextest run --locked --no-tests=pass --lib "${@/#/--package=}"
}
