#!/bin/sh
# npm run package:deb: installs what is missing, then makes the Debian package under Node 24.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh
exec node_modules/node/bin/node scripts/package-deb.ts "$@"
