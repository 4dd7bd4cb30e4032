#!/bin/sh
# Runs tests in another release of Debian, in a folder of its own:
#
#   scripts/debian-root.sh RELEASE [tests/AREA ...]             Debian 13: scripts/debian-root.sh trixie tests/native
#   HATHI_TEST_PHP=8.5 scripts/debian-root.sh sid tests/native  a PHP that is in experimental only
#
# Needs root and debootstrap(8). The root is made once and kept below HATHI_ROOTS (/var/tmp/hathi-roots): remove it by
# hand. What is mounted in it is so in a mount namespace of its own, and gone with the last process.
set -eu

[ $# -ge 1 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 64; }
checkout=$(cd "$(dirname "$0")/.." && pwd -P)
release=$1
root=${HATHI_ROOTS:-/var/tmp/hathi-roots}/$release
# The mirror that this machine's own packages come from.
mirror=${HATHI_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | grep '/debian/*$' | head -n 1)}
[ -n "$mirror" ] || { echo "debian-root: apt names no mirror of Debian: set HATHI_MIRROR" >&2; exit 1; }
shift

[ -x "$checkout/node_modules/node/bin/node" ] || sh "$checkout/scripts/setup.sh"

# Runs a command in the root, which sees this machine's processes and devices, and the checkout in its own place.
inside() {
  unshare --mount sh -eu -c '
    root=$1 checkout=$2
    shift 2
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    mkdir -p "$root$checkout"
    mount --bind "$checkout" "$root$checkout"
    exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
      DEBIAN_FRONTEND=noninteractive ${HATHI_TEST_PHP:+HATHI_TEST_PHP="$HATHI_TEST_PHP"} "$@"
  ' inside "$root" "$checkout" "$@"
}

if [ ! -e "$root/hathi-root-is-complete" ]; then
  debootstrap --variant=minbase "$release" "$root" "$mirror"
  # No package starts its service.
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
  [ "$release" != sid ] || echo "deb $mirror experimental main" >>"$root/etc/apt/sources.list"
  # Beside what tests/harness/debian.ts names: what every machine of a developer has.
  inside apt-get -q update
  inside apt-get -q -y install --no-install-recommends ca-certificates gcc git libc6-dev openssl procps sqlite3
  ln -sf "$checkout/node_modules/node/bin/node" "$root/usr/bin/node"
  : >"$root/hathi-root-is-complete"
fi

inside sh -c 'cd "$1" && shift && exec node scripts/test.ts "$@"' tests "$checkout" "$@"
