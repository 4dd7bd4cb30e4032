#!/bin/sh
# npm start: installs what is missing, then serves the example site: with the native engine where "hathi build" has
# made one, otherwise with the embedded PHP.
# PORT chooses the port; everything after `npm start --` goes to `hathi serve`.
set -eu
root=$(CDPATH='' cd -P -- "$(dirname "$0")/.." && pwd -P)
site=$root/examples/site/public
sh "$root/scripts/setup.sh"

# Started by root in a clone of its own (a container, mostly) there is no other user to run PHP as. It is our
# own example site on loopback, so that is allowed here; in a user's clone PHP runs as that user.
if [ "$(id -u)" -eq 0 ] && [ -O "$site" ]; then
  echo "start: running as root, so PHP runs the example site as root too (-R)" >&2
  set -- -R "$@"
fi
exec "$root/bin/hathi" serve "$@" "$site"
