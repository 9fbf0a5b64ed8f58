# Debian and Ubuntu packages by name, for agent/run and tests/run. To be sourced by bash.

# What building petiole takes.
build_packages() {
  echo g++ cmake ninja-build libasio-dev libwolfssl-dev libsqlite3-dev doctest-dev
  # AES of TLS: it has a fast one there alone (platform/crypto_aes.h).
  [ "$(uname -m)" != x86_64 ] || echo libsodium-dev
  # Boost 1.81 or newer; a distribution carries some of these.
  local version
  for version in 1.81 1.83 1.88 1.90; do
    # A name that other packages only mention is known, too, and has no candidate.
    if [[ $(LC_ALL=C apt-cache policy "libboost$version-dev" 2>/dev/null) == *"Candidate: "[0-9]* ]]; then
      echo "libboost$version-dev"
      return
    fi
  done
  echo libboost-dev
}

# Prints those of the packages given that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
      echo "$package"
    fi
  done
}

# apt-get as root, or through sudo; says what to install when neither is to be had.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    DEBIAN_FRONTEND=noninteractive "$@"
  elif command -v sudo >/dev/null; then
    sudo DEBIAN_FRONTEND=noninteractive "$@"
  else
    echo "petiole: please install as root: $*" >&2
    return 1
  fi
}

# Installs those of the packages given that are missing. Everything it says goes to stderr.
install_packages() {
  if ! command -v apt-get >/dev/null; then
    echo "petiole: no apt-get here; needed: $*" >&2
    return 0 # Another distribution: CMake says what it does not find.
  fi
  local missing
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  echo "petiole: installing" $missing >&2
  # shellcheck disable=SC2086  # One word a package.
  as_root apt-get install -y --no-install-recommends $missing >&2
}

# Refreshes apt's lists, once a call of a script, when a package that is needed is missing. On a
# fresh machine there are none, and apt-cache would know no package.
refresh_package_lists() {
  command -v apt-get >/dev/null || return 0
  [ -n "$(missing_packages "$@")" ] || return 0
  as_root apt-get update >&2 || echo "petiole: apt-get update failed; trying with old lists" >&2
}
