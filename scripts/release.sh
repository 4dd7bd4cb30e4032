#!/bin/sh
# npm run release: installs what is missing, then makes a release under Node 24.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh
exec node_modules/node/bin/node scripts/release.ts "$@"
