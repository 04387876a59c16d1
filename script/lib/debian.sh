# shellcheck shell=bash
# Debian's packages. Each is looked for by its programs, not by its name, so that a PostgreSQL or a
# Node from another source counts too.

apt_install() {
  has apt-get || die "no apt-get here; install by hand what these packages of Debian bring: $*"
  say "installing Debian's $*"
  if [ -z "${apt_updated:-}" ]; then
    as_root apt-get -o Acquire::Retries=3 update -qq
    apt_updated=yes
  fi
  # Without dpkg's line for each package; errors go to stderr.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 install -y -qq --no-install-recommends "$@" >/dev/null
}

has_postgres_server() {
  has initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

has_browser() {
  has chromium || has chromium-browser || has google-chrome
}

# Installs what a development shop needs.
setup_debian_shop() {
  local missing=()
  missing_for_shop
  [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}

setup_debian() {
  local missing=()
  missing_for_shop
  has_browser || missing+=(chromium)
  has node || missing+=(nodejs)
  has npm || missing+=(npm)
  has shellcheck || missing+=(shellcheck)
  [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"

  # Playwright's own floor.
  [ "$(node -p 'parseInt(process.versions.node)')" -ge 20 ] ||
    die "Node 20 or newer is needed, and $(command -v node) is $(node --version): install a newer one"
}

# Adds the packages that a development shop lacks to the caller's `missing`.
missing_for_shop() {
  has cc && has make || missing+=(build-essential)
  [ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
  has_postgres_server || missing+=(postgresql)
}
