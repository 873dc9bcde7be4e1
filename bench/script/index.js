// A rolling deploy by deployctl beside the same one by a careful script on the aws CLI (bench/baseline/rolling.sh), on the sandbox and under load.
import { execa } from 'execa';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median, table } from '../numbers.js';
import { underLoad, withShop } from '../shop.js';
import { callCost } from './cost.js';

const baseline = fileURLToPath(new URL('../baseline', import.meta.url));
const INSTANCES = 10;
/** AWS seconds. A pull of some hundred MB; the rest is deployctl's defaults. */
const [PULL, POLL, SETTLE] = [20, 2, 60];

/**
 * Two drains: a short one, at which what a tool adds shows most, and the ALB's default. `settle` is never longer than the drain here, because the script
 * knows nothing like it. The scale is low: processes, and so the containers' starts and stops, are as slow as ever.
 */
const scenarios = {
  short: { drain: 30, settle: 30, scale: 4, rounds: 3, runs: ['pulling script', 'equal'] },
  default: {
    drain: 300,
    settle: SETTLE,
    scale: 10,
    rounds: 1,
    runs: ['script', 'pulling script', 'equal', 'window', 'quiet', 'all'],
  },
};

/** `settings`: what of the environment's configuration differs. */
const runs = {
  script: { name: 'script, pulls while out of traffic', ahead: 0 },
  'pulling script': { name: 'script, pulls ahead', ahead: 5 },
  equal: { name: 'deployctl, equal settings (pulls ahead, 2 at a time)', settings: {} },
  window: { name: 'deployctl, 5 at a time', settings: { 'max-parallel': 5 } },
  quiet: { name: 'deployctl, `drain: quiet`', settings: { drain: 'quiet' } },
  all: { name: 'deployctl, quiet and 5 at a time', settings: { drain: 'quiet', 'max-parallel': 5 } },
};

export async function measure({ quick }) {
  const cost = await callCost();
  const found = [];
  const chosen = Object.entries(scenarios).slice(0, quick ? 1 : undefined);
  for (const [scenario, { rounds, runs: names, ...world }] of chosen) {
    const rows = names.map((name) => ({ scenario, run: name, samples: [] }));
    // Round by round: whatever else the machine does, it does to all of them.
    for (let round = 0; round < (quick ? 1 : rounds); round += 1) {
      for (const { run, samples } of rows) {
        const sample = await once(runs[run], world, cost);
        samples.push(sample);
        process.stderr.write(
          `script: ${scenario} drain, ${runs[run].name}: ${sample.seconds.toFixed(0)} s of AWS, ${String(sample.failures)} of ${String(sample.requests)} failed\n`,
        );
      }
    }
    found.push(...rows);
  }
  return {
    instances: INSTANCES,
    cost,
    scenarios: chosen.map(([name, { drain, scale }]) => ({ name, drain, scale })),
    runs: found,
  };
}

/** One rollout of 1.1.0 of the backend on a new fleet of 1.0.0. `seconds`: in AWS's time. */
async function once({ ahead, settings }, { drain, settle, scale }, cost) {
  const scaled = (seconds) => `${String(Math.round((seconds * 1000) / scale))}ms`;
  const config = ({ services }, production) => {
    delete services.frontend;
    delete production.services.frontend;
    delete services.backend.checks;
    const timing = { settle: scaled(settle), quiet: '1s', poll: scaled(POLL), stabilize: '0s' };
    Object.assign(production, { strategy: 'rolling', 'max-parallel': 2, ...settings });
    Object.assign(production.timing, timing, { 'health-timeout': '5m', 'host-command': '5m', 'pull-timeout': '5m' });
  };
  return withShop({ instances: INSTANCES, scale, drain, config }, async (shop) => {
    await shop.fault('registry-slow', '--ms', String((PULL * 1000) / scale));
    const before = await shop.calls();
    const work =
      settings === undefined
        ? () => byScript(shop, ahead, scale, cost)
        : () => shop.deployctl(['rollout', '--backend', '1.1.0', '--yes', '--skip-validation']);
    const { ms, load } = await underLoad(shop, work);
    const { requests, failures, broken } = load;
    return {
      seconds: (ms / 1000) * scale,
      requests,
      failures,
      broken,
      calls: (await shop.calls()) - before,
    };
  });
}

async function byScript(shop, ahead, scale, cost) {
  const bin = join(shop.dir, 'bin');
  await mkdir(bin);
  const aws = join(bin, 'aws');
  await writeFile(aws, `#!/bin/sh\nexec node ${join(baseline, 'aws.js')} "$@"\n`);
  await chmod(aws, 0o755);
  const env = {
    ...shop.env,
    PATH: `${bin}:${process.env.PATH}`,
    BENCH_CALL_MS: String(cost.ms / scale),
    GROUP: 'shop-backend-blue',
    PORT: '8081',
    IMAGE: 'shop/backend:1.1.0',
    NAME: 'backend',
    BATCH: '2',
    PULL_AHEAD: String(ahead),
    POLL: String(POLL / scale),
  };
  await execa(join(baseline, 'rolling.sh'), { env, cwd: shop.dir });
}

export function tables({ instances, cost, scenarios: worlds, runs: found }) {
  const sum = (samples, key) => samples.reduce((total, sample) => total + sample[key], 0);
  const parts = worlds.map(({ name, drain, scale }) => {
    const own = found.filter(({ scenario }) => scenario === name);
    const time = ({ samples }) => median(samples.map(({ seconds }) => seconds));
    const base = time(own[0]);
    const rows = own.map((row) => [
      runs[row.run].name,
      time(row).toFixed(0),
      (time(row) / base).toFixed(2),
      `${String(sum(row.samples, 'failures'))} of ${String(sum(row.samples, 'requests'))}`,
      String(median(row.samples.map(({ calls }) => calls))),
    ]);
    const head = ['run', 'seconds of AWS', 'of the first', 'failed requests', 'API calls'];
    return `A drain of ${String(drain)} s, time ${String(scale)} times faster, ${String(own[0].samples.length)} run(s) each:\n\n${table(head, rows)}`;
  });
  return [
    ...parts,
    `${String(instances)} instances, two at a time where not said otherwise. A call of the aws CLI lasts ${(cost.ms / 1000).toFixed(2)} s (${cost.from}), divided by the scale.`,
  ].join('\n\n');
}
