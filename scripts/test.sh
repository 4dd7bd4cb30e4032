#!/bin/sh
# npm test: installs what is missing, then hands over to scripts/test.ts under Node 24.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh
exec node_modules/node/bin/node scripts/test.ts "$@"
