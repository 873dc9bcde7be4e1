import type { Digest } from '../../domain/ids.js';
import { imageName, NO_RELEASE } from '../../domain/release.js';
import type { ImageRequest } from '../goal.js';
import { goalRelease } from '../goal.js';
import { judgeLock } from '../lease.js';
import { unfinishedNext, unfinishedText } from '../running.js';
import { isDriven } from '../steer.js';
import type { Toolbox } from '../toolbox.js';
import { claimed } from '../begin.js';
import { lossesOf } from '../losses.js';
import type { Check } from './check.js';
import { fail, ofFinding, ok, skip, warn } from './check.js';
import { damageFindings, openFindings } from '../damage.js';
import type { Evidence } from './evidence.js';

/** Whether what is to be rolled out exists, or else what serves now could be pulled again. */
export async function imageChecks(
  box: Toolbox,
  evidence: Evidence,
  images: ReadonlyMap<string, ImageRequest>,
): Promise<readonly Check[]> {
  const { present, topology, seen, reads } = evidence;
  const checks: Check[] = [];
  for (const [service, image] of images) {
    if (present === undefined) {
      checks.push(skip(`${service}: its image is not looked for, since what serves now is not known`));
      continue;
    }
    await registryHas(box, evidence, image, checks);
    const wanted = await reads.try([], checks, () =>
      goalRelease(box, topology, present.release, new Map([[service, image]]), seen.fleet, box.clock.now()),
    );
    const spec = wanted?.services[service]?.spec;
    if (spec !== undefined) checks.push(ok(`${service}: ${spec.image.repository}:${imageName(spec.image)} is there`));
  }
  for (const [service, { release, spec }] of Object.entries(present?.release.services ?? {})) {
    if (images.has(service) || release === NO_RELEASE) continue;
    const { repository, tag, digest } = spec.image;
    const found = await registryHas(box, evidence, { repository, ...(tag === undefined ? {} : { tag }) }, checks);
    if (found === 'failed') continue;
    const name = `${service}: ${repository}:${imageName(spec.image)}`;
    if (found === digest) checks.push(ok(`${name}, which serves now, is in the registry`));
    else if (found === undefined) {
      checks.push(
        skip(
          `${name}: its registry has no API to ask`,
          `deployctl doctor --image ${service}=TAG pulls one on one instance`,
        ),
      );
    } else checks.push(warn(`${name} serves, but the tag means ${found} now`, 'give every build a tag of its own'));
  }
  return checks;
}

/** What the API of the registry says. undefined: it has none, or the image has no tag. A failure is told already. */
async function registryHas(
  box: Toolbox,
  { reads }: Evidence,
  { repository, tag }: ImageRequest,
  checks: Check[],
): Promise<Digest | 'failed' | undefined> {
  if (tag === undefined) return undefined;
  // Other registries need no call, so this is not tried for what only ECR has.
  if (reads.failed.has(images)) return 'failed';
  const found = await reads.try([], checks, async () => ({
    digest: await box.images.resolve(repository, tag, box.signal),
  }));
  if (found?.digest !== undefined) reads.answered.add(images);
  return found === undefined ? 'failed' : found.digest;
}

const images = 'ecr:DescribeImages';

/** What deployctl remembers: the lock, an unfinished rollout, and who else manages the same things. */
export async function stateChecks(box: Toolbox, evidence: Evidence): Promise<readonly Check[]> {
  const { reads, topology, complete, present, past, differences } = evidence;
  const { environment } = box.settings;
  const checks: Check[] = [...evidence.trouble.state];
  const lease = await reads.try(['ssm:GetParametersByPath'], checks, () =>
    box.state.readLease({ isAlive: box.isAlive, signal: box.signal }),
  );
  const stuck = lease === undefined ? [] : judgeLock(box.settings, lease).map(ofFinding);
  checks.push(...stuck);
  const unfinished = past?.unfinished;
  if (stuck.length === 0 && lease !== undefined) {
    if (lease.is === 'free') checks.push(ok('the lock is free'));
    else if (unfinished === undefined)
      checks.push(warn('somebody holds the lock', `deployctl lease show --env ${environment}`));
  }
  if (unfinished !== undefined) {
    const seen = lease ?? ({ is: 'unknown', why: 'it could not be read' } as const);
    const next = unfinishedNext(box.settings, unfinished, seen).map((line) => line.replace(/ +#.*$/, ''));
    const text = unfinishedText(unfinished, seen);
    checks.push(
      isDriven(seen) ? warn(text, next.join(', or ')) : fail(`${text}: another one is refused`, next.join(', or ')),
    );
  }
  const conflicts = complete
    ? await reads.try(['ssm:GetParametersByPath'], checks, () =>
        box.state.claimConflicts(claimed(box, topology), box.signal),
      )
    : undefined;
  for (const { name, what, app, environment: other } of conflicts ?? []) {
    checks.push(
      fail(
        `${what} is managed by ${app}/${other}`,
        `give this environment another one in deployctl.yml, or, if ${app}/${other} has given it up: aws ssm delete-parameter --name ${name}`,
      ),
    );
  }
  if (conflicts?.length === 0) checks.push(ok('no other environment manages these target groups, routes and ports'));
  if (present !== undefined && past !== undefined) {
    const traces = { seen: evidence.seen, outcomes: past.outcomes, present, unfinished: past.unfinished };
    const lost = await reads.try(['ssm:GetParametersByPath'], checks, () => lossesOf(box, traces, undefined));
    checks.push(...(lost ?? []).map(ofFinding));
  }
  if (past !== undefined) checks.push(...[...openFindings(box, past), ...damageFindings(past)].map(ofFinding));
  checks.push(...differences.map(ofFinding));
  for (const text of present?.remarks ?? [])
    checks.push(warn(text, `deployctl rollout --env ${environment} converges it`));
  return checks;
}
