#!/usr/bin/env bash
# Makes sure that a Chromium is there for the browser tests: Debian's package, if nothing is on the PATH.
set -euo pipefail

for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then
    exit 0
  fi
done

why=""
if ! command -v apt-get >/dev/null; then
  why="this system has no apt-get"
else
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if sudo -n true 2>/dev/null; then as_root=(sudo -n); else why="installing needs root, and sudo asks for a password"; fi
  fi
fi
if [ -z "$why" ]; then
  echo "installing Debian's chromium for the browser tests (once)"
  log=$(mktemp)
  if { "${as_root[@]}" apt-get update -qq && DEBIAN_FRONTEND=noninteractive "${as_root[@]}" \
       apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } >"$log" 2>&1; then
    rm -f "$log"
    exit 0
  fi
  why="apt-get failed: $(tail -n 3 "$log" | tr '\n' ' ')"
fi
echo "no Chromium for the browser tests: $why." >&2
echo "Fix: install chromium (or Google Chrome) so that it is on the PATH, then run this again." >&2
exit 1
