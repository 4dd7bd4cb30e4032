#!/bin/sh
# Makes node_modules complete on a machine that has nothing but Node (20 or later) and npm. Costs two small
# comparisons when there is nothing to do: the stamp is a copy of the two files that decide what is needed.
#
# Why npm may run twice: the embedded engine's package asks for Node 24.18, and npm leaves an optional package
# out when the Node that runs npm is older. The first run brings Node 24, the second one is run by it.
set -eu
cd "$(dirname "$0")/.."

stamp=node_modules/.hathi-setup
engine=node_modules/@php-wasm/node-8-4/package.json
node24=node_modules/node/bin/node

if [ -x "$node24" ] && [ -f "$engine" ] \
  && cmp -s package.json "$stamp/package.json" && cmp -s package-lock.json "$stamp/package-lock.json"; then
  exit 0
fi

# npm's own program file, so that it can be run by another Node than the one on PATH.
npm_program() {
  if [ -n "${npm_execpath:-}" ]; then
    printf '%s\n' "$npm_execpath"
    return
  fi
  npm=$(command -v npm) || {
    echo "setup: cannot find npm on PATH: install Node.js with npm first" >&2
    return 1
  }
  readlink -f -- "$npm"
}

# `npm install` and not `npm ci`: the latter would throw away what the first run brought. --no-save keeps
# package.json and the lock file as they are; versions are the lock file's.
install="install --no-save --no-audit --no-fund --no-progress --loglevel=error"

# Further versions of the embedded PHP that somebody installed here, which npm would take for rubbish and remove.
added=
for folder in node_modules/@php-wasm/node-*; do
  name=@php-wasm/${folder##*/}
  if [ ! -f "$folder/package.json" ] || grep -qF "\"$name\"" package.json; then continue; fi
  added="$added $name@$(sed -n 's/^ *"version": *"\([^"]*\)".*/\1/p' "$folder/package.json" | head -n 1)"
done

npm=$(npm_program)
echo "setup: installing packages from the npm registry" >&2
if [ ! -x "$node24" ]; then
  # shellcheck disable=SC2086 # the words of $install are meant to be split
  node "$npm" $install $added </dev/null >&2
fi
if [ ! -x "$node24" ]; then
  echo "setup: cannot find \"$node24\" after the installation: run 'npm install-scripts approve node' and try again" >&2
  exit 1
fi
# npm looks for its global configuration (a registry, a certificate file) beside the Node that runs it, so the
# machine's own is passed on.
npm_config_globalconfig=${npm_config_globalconfig:-$(node "$npm" config get globalconfig 2>/dev/null)}
export npm_config_globalconfig
# shellcheck disable=SC2086
"$node24" "$npm" $install $added </dev/null >&2
if [ ! -f "$engine" ]; then
  echo "setup: cannot install @php-wasm/node-8-4, the embedded PHP: see what 'npm install' says above" >&2
  exit 1
fi
mkdir -p "$stamp"
cp package.json package-lock.json "$stamp/"
