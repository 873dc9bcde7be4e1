#!/usr/bin/env bash
# Everything that `npm test` promises: installs what is missing, builds, runs the tests. Arguments go to vitest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

npm run --silent build
command -v shellcheck >/dev/null || echo 'test: skipping the lint of the instance script: shellcheck is not installed (.ci/run installs it)' >&2
exec npx --no-install vitest run --project unit --project simulation --project e2e "$@"
