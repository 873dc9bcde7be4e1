// Replays one simulated case with its trace: npm run simulate -- 'CASE', as a failing test prints it.
import { spawnSync } from 'node:child_process';

const wanted = process.argv.slice(2).join(' ');
if (wanted === '') {
  process.stderr.write(
    "simulate: name a case: npm run simulate -- 'rolling/ports/backend/2/good/released/1 resume 40:lost'\n",
  );
  process.exit(64);
}
const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'simulation', 'test/simulation/replay.test.ts'];
const env = { ...process.env, DEPLOYCTL_SIMULATE: wanted };
const { status } = spawnSync(process.execPath, args, { stdio: 'inherit', env });
process.exit(status ?? 1);
