#!/bin/sh
# Fails when native code would not find a library, so that an image which cannot work is never made:
#
#   require-libraries.sh FOLDER ... [-- NAME ...]
#
# Every library and Node addon in the folders must find what it is linked to; libcuda.so.1 alone may be missing, because the host's
# driver brings it when the container starts. The names after -- are libraries that are opened only when they are used, which a linker
# does not tell: the loader must find those as well.
set -eu

failed=0
files=$(mktemp)
trap 'rm -f "$files"' EXIT

fail() {
  echo "$1" >&2
  failed=1
}

while [ $# -gt 0 ] && [ "$1" != -- ]; do
  find "$1" -type f \( -name '*.so' -o -name '*.so.*' -o -name '*.node' \) >"$files"
  [ -s "$files" ] || fail "$1 must have native code, got none."
  while IFS= read -r file; do
    linked=$(ldd "$file" 2>&1) || fail "$file must be native code of this platform, got: $linked"
    for missing in $(echo "$linked" | sed -n 's/^[[:space:]]*\(.*\) => not found.*/\1/p'); do
      [ "$missing" = libcuda.so.1 ] || fail "$file must find $missing, got nothing."
    done
  done <"$files"
  shift
done
[ $# -eq 0 ] || shift

for name in "$@"; do
  found=0
  for folder in $(echo "${LD_LIBRARY_PATH:-}" | tr : ' '); do
    [ ! -e "$folder/$name" ] || found=1
  done
  [ $found -eq 1 ] || fail "$name must lie in LD_LIBRARY_PATH (${LD_LIBRARY_PATH:-empty}), got nothing."
done
exit $failed
