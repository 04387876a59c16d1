# shellcheck shell=bash
# The release archive: builds, packs and checks it. The archive's folder lies in target/archive.

# Builds the program and the site into a folder. The program has a target folder of its own, so that
# target/release/rolitt stays the one with the sandbox.
build_archived() {
  local folder=$1
  LEPTOS_HASH_FILE_NAME=archive-hash.txt build_release "$folder/site" --frontend-only
  mv "$(target_dir)/release/archive-hash.txt" "$folder/hash.txt"
  env -u LEPTOS_HASH_FILES CARGO_PROFILE_RELEASE_STRIP=symbols \
    cargo build --locked --release --package rolitt --bin rolitt --no-default-features --features ssr --target-dir "$(target_dir)/archive"
  cp "$(target_dir)/archive/release/rolitt" "$folder/rolitt"
}

# Packs the folder with fixed owners, order and times, so that equal contents make an equal archive.
pack() (
  cd target/archive || exit
  tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" -cf - "$1" | gzip -9n >"$1.tar.gz"
  sha256sum "$1.tar.gz" >SHA256SUMS
)

check_archive() (
  local name=$1 version unpacked said file kind hash
  version=$(locked_version rolitt)
  (cd target/archive && sha256sum --check --quiet SHA256SUMS) || die "the checksum is wrong"
  unpacked=$(mktemp -d)
  trap 'rm -rf "$unpacked"' EXIT
  tar -xzf "target/archive/$name.tar.gz" -C "$unpacked"
  cd "$unpacked/$name" || exit

  for file in rolitt hash.txt site Leptos.toml LICENSE LICENSE-APACHE LICENSE-MIT CHANGELOG.md; do
    [ -e "$file" ] || die "the archive has no $file"
  done
  # hash.txt has a line for each kind of file: `js: HASH`.
  while read -r kind hash; do
    [ -e "site/pkg/rolitt.$hash.${kind%:}" ] || die "hash.txt names a file that the site does not have: $kind $hash"
    [ -e "site/pkg/rolitt.$hash.${kind%:}.br" ] || die "the site's $kind is not compressed"
  done <hash.txt

  said=$(env -i ./rolitt --version)
  [ "$said" = "rolitt $version" ] || die "the program says that it is $said"
  # Without symbols and debugging information.
  if readelf --sections --wide rolitt | grep -qE ' \.(symtab|debug_)'; then die "the program is not stripped"; fi
  # A route of the sandbox; and what the program says where one of both is asked for.
  if grep -qaF /sandbox/faults rolitt; then die "the program has the sandbox in it"; fi
  refuses "has no sandbox" ./rolitt sandbox
  refuses "failpoints" env ROLITT_FAILPOINTS=kill@before_commit=1 ./rolitt check
  say "complete, stripped, $said, without the sandbox and without failpoints"
)

# Fails unless the command fails and prints a text.
refuses() {
  local text=$1 said
  shift
  if said=$(env -i ROLITT_DATA_DIR="$PWD/data" "$@" 2>&1); then die "$* did not fail"; fi
  grep -qF "$text" <<<"$said" || die "$* did not say \"$text\" but: $said"
}
