#!/usr/bin/env bash
# The newest Docker engine that this machine's Debian mirror has, beside the installed one: fetched and unpacked into a cache folder, never
# installed. Prints the folder with dockerd, docker and containerd, for DEPLOYCTL_DOCKER_BIN; --refresh fetches again. runc stays the installed one:
# the newest needs a newer libc than the engine itself.
set -euo pipefail

cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/deployctl-engine
bin=$cache/bin

die() {
  echo "newest-engine: $*" >&2
  exit 1
}

if [ "${1-}" != --refresh ] && [ -x "$bin/dockerd" ]; then
  echo "$bin"
  exit 0
fi

command -v apt-get >/dev/null || die "apt-get is not here: only Debian's packages are known"
# apt-get's own variables, not the shell's.
# shellcheck disable=SC2016
mirror=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' | sed -n 's/^Debian //p' | grep -v security | head -n 1)
[ -n "$mirror" ] || die "no Debian mirror among this machine's package sources (run apt-get update once)"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keyring" ] || die "$keyring is missing; install debian-archive-keyring"

apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT
# A configuration of its own: the machine's sources, lists and installed packages are neither read nor written.
mkdir -p "$apt/etc/sources.list.d" "$apt/etc/preferences.d" "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/deb"
cp -r /etc/apt/apt.conf.d "$apt/etc/"
: >"$apt/status"
cat >"$apt/apt.conf" <<CONF
Dir::Etc "$apt/etc";
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
APT::Sandbox::User "root";
CONF
export APT_CONFIG=$apt/apt.conf

# Whether suite $1 has an engine that runs with this machine's libraries; unpacks it into the cache when it does.
try() {
  printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$1" >"$apt/etc/sources.list"
  rm -rf "$apt/deb" "$apt/engine"
  mkdir -p "$apt/deb" "$apt/engine/bin"
  apt-get update -qq >&2 || return 1
  (cd "$apt/deb" && apt-get download -qq docker.io docker-cli containerd >&2) || return 1
  for package in "$apt"/deb/*.deb; do dpkg -x "$package" "$apt/engine/root"; done
  for program in dockerd docker docker-proxy containerd containerd-shim-runc-v2; do
    find "$apt/engine/root/usr" -type f -name "$program" -exec mv {} "$apt/engine/bin/" \;
  done
  rm -rf "$apt/engine/root"
  for program in dockerd docker containerd; do "$apt/engine/bin/$program" --version >&2 || return 1; done
}

for suite in sid stable; do
  if try "$suite"; then
    mkdir -p "$(dirname "$cache")"
    mv "$apt/engine" "$cache.$$"
    rm -rf "$cache"
    mv "$cache.$$" "$cache"
    echo "$bin"
    exit 0
  fi
  echo "newest-engine: no engine of $suite runs here" >&2
done
die "no newer engine can be had from $mirror"
