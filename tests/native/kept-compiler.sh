#!/bin/sh
# The C compiler of a run of the suite. Several tests build the engine from the same sources by the same flags: the
# first one compiles, the others take what it made. Everything else goes to the compiler as it is.
#
# HATHI_TEST_CC        the compiler
# HATHI_TEST_CC_KEPT   folder of what it has made
set -eu

# Only builds of the engine's own sources have -iquote: it names the folder of all its sources and headers.
output='' folder='' php='' previous=''
for argument; do
  case $previous in
  -o) output=$argument ;;
  -iquote) folder=$argument ;;
  -isystem) if [ -f "$argument/main/php_config.h" ]; then php=$argument; fi ;;
  esac
  previous=$argument
done
if [ -z "$folder" ] || [ -z "$output" ]; then exec "$HATHI_TEST_CC" "$@"; fi

# Everything that the result depends on, except the headers of the C library, which come with the compiler.
inputs() {
  "$HATHI_TEST_CC" --version
  for argument; do
    # Where there is no warning, -Werror changes nothing; only such results are kept.
    case $argument in "$output" | -Werror) continue ;; esac
    # Of the folder, names alone: a copy of the sources has the same result.
    printf '%s\n' "${argument#"$folder"}"
    case $argument in
    "$folder"*) ;;
    *.c) cat "$argument" && find "$(dirname "$argument")" -maxdepth 1 -name '*.h' -exec cat {} + ;;
    esac
  done
  names=$(cd "$folder" && find . -name '*.[ch]' | LC_ALL=C sort)
  printf '%s\n' "$names"
  printf '%s\n' "$names" | (cd "$folder" && xargs cat)
  if [ -n "$php" ]; then cat "$php/main/php_version.h" "$php/main/php_config.h"; fi
}

key=$(inputs "$@" | sha256sum)
kept=$HATHI_TEST_CC_KEPT/${key%% *}
if [ -f "$kept" ]; then exec cp "$kept" "$output"; fi

said=$("$HATHI_TEST_CC" "$@" 2>&1) || {
  printf '%s\n' "$said" >&2
  exit 1
}
if [ -n "$said" ]; then
  printf '%s\n' "$said" >&2
  exit 0
fi
mkdir -p "$HATHI_TEST_CC_KEPT"
cp "$output" "$kept.$$"
mv "$kept.$$" "$kept"
