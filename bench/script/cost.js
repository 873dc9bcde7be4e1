import { execa } from 'execa';
import { median } from '../numbers.js';
import { withShop } from '../shop.js';

/** Where there is no aws CLI: what one call of it takes on a usual machine, almost all of it the start of Python and the loading of the service's model. */
const ASSUMED_MS = 1100;
const ROUNDS = 7;

/** How long one call of the aws CLI lasts, from its start to its end, on this machine or as assumed. */
export async function callCost() {
  const version = await execa('aws', ['--version'], { reject: false });
  if (version.exitCode !== 0) return { ms: ASSUMED_MS, from: 'assumed, there is no aws CLI here' };
  return withShop({ instances: 1, scale: 20, drain: 30 }, async ({ env, status }) => {
    const args = ['elbv2', 'describe-target-health', '--target-group-arn', status.targetGroups[0].arn];
    const times = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const began = performance.now();
      await execa('aws', args, { env });
      times.push(performance.now() - began);
    }
    return { ms: median(times), from: `measured here, ${version.stdout.split(' ')[0]}, without a network between` };
  });
}
