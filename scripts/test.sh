#!/usr/bin/env bash
# Everything that `npm test` promises: installs what is missing, builds, runs all tests. Arguments go to vitest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

npm run --silent build
exec npx --no-install vitest run "$@"
