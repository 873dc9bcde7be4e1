#!/usr/bin/env bash
# Makes the checkout ready to build: the right Node, and the packages of package-lock.json. Does nothing when it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v node >/dev/null; then
  echo "setup: node is not on PATH; deployctl needs Node 20.19 or newer (https://nodejs.org)" >&2
  exit 1
fi
if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
  echo "setup: Node $(node --version) is too old; deployctl needs v20.19.0 or newer" >&2
  exit 1
fi

# npm writes node_modules/.package-lock.json at the end of an installation, so a broken one counts as missing.
installed=node_modules/.package-lock.json
if [ ! -f "$installed" ] || [ package-lock.json -nt "$installed" ]; then
  echo "setup: installing the packages of package-lock.json" >&2
  npm ci --no-audit --no-fund >&2
fi
