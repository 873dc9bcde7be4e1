import { z } from 'zod';
import { stepsProblem } from '../units.js';
import { gates, notifications, probes } from './gates.js';
import { hooks } from './hooks.js';
import { NAME, NAME_RULE, amount, duration, flag, integer, list, name, plainText, shown, text, word } from './scalars.js';
import { placement } from './service.js';

const HOUR = 3_600_000;

const FLEET = 'write { tags: { App: shop } } or { instances: [i-0123456789abcdef0] }';
const fleet = z
  .strictObject(
    {
      // EC2 guide, "Tag restrictions": 128 characters for a key, 256 for a value.
      tags: z.record(text(/^.{1,128}$/, 'a tag key has 1 to 128 characters'), plainText('write the value of the tag')).optional().describe('Tags that an instance must have, all of them; a value may have wildcards'),
      instances: list(text(/^i-[0-9a-f]{8,17}$/, 'write an instance id like i-0123456789abcdef0'), '[i-0123456789abcdef0]').optional().describe('Instance ids'),
    },
    { error: (issue) => (issue.code === 'invalid_type' ? FLEET : undefined) },
  )
  .superRefine((value, context) => {
    const tags = value.tags === undefined ? undefined : Object.keys(value.tags).length;
    if ((tags === undefined) === (value.instances === undefined)) {
      context.addIssue({ code: 'custom', message: `names ${tags === undefined ? 'neither' : 'both'} tags and instances; ${FLEET}`.replace('neither tags and', 'neither tags nor') });
    } else if (tags === 0 || value.instances?.length === 0) {
      context.addIssue({ code: 'custom', message: `selects nothing; ${FLEET}` });
    }
  });

const layout = z.union([
  z.literal('ports'),
  z.strictObject({
    tag: plainText('write the key of the tag').describe('Tag that tells the two sets of instances apart'),
    blue: plainText('write the value of the tag on blue instances').describe('Its value on blue instances'),
    green: plainText('write the value of the tag on green instances').describe('Its value on green instances'),
  }),
], { error: (issue) => `${shown(issue.input)}: write ports, or { tag: Color, blue: blue, green: green }` });

const timing = z.strictObject({
  settle: duration(0, HOUR).prefault('60s').describe('Nothing that had traffic is stopped sooner than this after its traffic was taken away'),
  stabilize: duration(0, HOUR).prefault('10s').describe('A new target must be seen healthy for this long'),
  bake: duration(0).prefault('2m').describe('Observation time of each step of a shift, and of the end of a rolling rollout'),
  'health-timeout': duration(1000).prefault('5m').describe('How long a registered target may take to become healthy'),
  'host-command': duration(5000).prefault('5m').describe('Longest run of one command on an instance'),
  'pull-timeout': duration(5000).prefault('15m').describe('Longest pull of an image'),
  quiet: duration(1000, HOUR).prefault('5s').describe('With `drain: quiet`: so long must nobody be connected'),
  'drain-cap': duration(1000).prefault('70m').describe('A drain that takes longer aborts the rollout'),
  deadline: duration(10_000).prefault('2h').describe('From the start of a rollout to its abort'),
  hold: duration(0).prefault('10m').describe('How long a hold waits for the world to get well'),
  poll: duration(100, 60_000).prefault('2s').describe('Time between two observations'),
});

const lease = z.strictObject({
  ttl: duration(1000, HOUR).prefault('30s').describe('A lease that stands still for this long is up for taking'),
  heartbeat: duration(100, HOUR).prefault('10s').describe('Time between two signs of life; less than half of ttl'),
});

/** ALB guide, "Sticky sessions": 1 second to 7 days. */
const sticky = duration(1000, 7 * 24 * HOUR).refine((value) => value % 1000 === 0, 'write whole seconds');

const step = z.number({ error: (issue) => `${shown(issue.input)}: write a whole number from 1 to 100` }).meta({ minimum: 1, maximum: 100 });
const steps = list(step, '[10, 50, 100]').superRefine((value, context) => {
  const problem = stepsProblem(value);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: `${shown(value)}: ${problem}` });
});

export const environment = z.strictObject({
  fleet: fleet.describe('Which instances: by tags (all must match; values may have wildcards) or by ids'),
  strategy: word(['rolling', 'blue-green']).prefault('rolling').describe('How the fleet gets to a new release'),
  layout: layout.prefault('ports').describe('`ports`: every instance runs both colors on two host ports; else two sets of instances told apart by a tag'),
  'max-parallel': amount().prefault(1).describe('Instances that a rolling rollout works on at once'),
  'minimum-healthy': amount().optional().describe('Healthy targets per service that must remain; default: fleet minus max-parallel, at least half'),
  'allow-downtime': flag().prefault(false).describe('Lets a rolling rollout work on a fleet of one'),
  steps: steps.prefault([10, 50, 100]).describe('Percentages of traffic on the new color'),
  sticky: sticky.optional().describe('Group stickiness during a shift, so that a page and its assets come from one version'),
  drain: word(['full', 'quiet']).prefault('full').describe('`full`: wait for the whole deregistration delay of the group; `quiet`: only until nobody is connected to the container any more, and the settle time has passed'),
  keep: integer(1, 20).prefault(2).describe('Stopped previous containers kept per service and color'),
  unreachable: word(['refuse', 'exclude']).prefault('refuse').describe('What to do about instances whose SSM agent is silent'),
  'foreign-targets': word(['refuse', 'deregister']).prefault('refuse').describe('What to do about targets of the target groups that the fleet does not cover (an instance outside of it or stopped, another port): `refuse` a rollout beside them, or `deregister` them when it begins'),
  pull: z.strictObject({ 'max-parallel': amount().prefault('50%').describe('Instances that pull at once') }).prefault({}).describe('Pulling the image while the old version serves'),
  timing: timing.prefault({}).describe('Waits and limits'),
  lease: lease.prefault({}).describe('The lock of the environment'),
  'on-hangup': word(['continue', 'interrupt']).prefault('continue').describe('When the terminal of a command that changes something is closed (SIGHUP): `continue` without it, or `interrupt` as Ctrl-C does; DEPLOYCTL_ON_HANGUP overrides it'),
  services: z.record(text(NAME, NAME_RULE), placement).describe('Services of this environment: where their traffic goes, and whatever differs here'),
  gates: gates.prefault({}).describe('What is watched during bakes'),
  validation: z
    .strictObject({ duration: duration(1000).prefault('5m').describe('Length of the validation phase'), monitor: duration(0).prefault('10m').describe('Length of the monitoring after it; `0s`: none'), probes: probes().describe('URLs probed meanwhile') })
    .prefault({})
    .describe('Watching after the rollout'),
  hooks: hooks.prefault({}).describe('Commands of your own, run where deployctl runs, one after the other, with DEPLOYCTL_… variables'),
  notifications: notifications.prefault({}).describe('Who is told'),
});
export type Environment = z.output<typeof environment>;

/** A region's name (`us-gov-east-1` too). */
export const region = text(/^[a-z]{2}(?:-[a-z]+)+-\d$/, 'write a Region like eu-west-1');
export const app = name();
