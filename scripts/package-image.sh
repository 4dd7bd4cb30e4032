#!/bin/sh
# npm run package:image: installs what is missing, then makes the container image under Node 24.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh
exec node_modules/node/bin/node scripts/package-image.ts "$@"
