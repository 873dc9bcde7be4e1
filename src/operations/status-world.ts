import { DeployctlError, messageOf, PortError } from '../domain/errors.js';
import type { ServiceName } from '../domain/ids.js';
import type { RolloutRecord } from '../domain/record.js';
import type { Past } from '../state/index.js';
import { groundFrom, liveColors } from './begin.js';
import type { Ground } from './begin.js';
import type { Check } from './doctor/check.js';
import { callIn, failedCall, Reads } from './doctor/check.js';
import { NO_PAST, noTrouble, placeAll, surveyOf } from './doctor/evidence.js';
import type { LeaseSeen } from './lease.js';
import { readLease } from './lease.js';
import { pastOf } from './damage.js';
import { survey } from './survey.js';
import type { Toolbox } from './toolbox.js';
import type { PlacedService, Topology } from './topology.js';
import { resolveTopology } from './topology.js';

/** As much of everything as can be read, and what cannot. */
export interface StatusWorld {
  readonly ground: Ground;
  readonly lease: LeaseSeen;
  readonly unfinished?: RolloutRecord;
  /** Whether anything of the history could be read. */
  readonly isPastKnown: boolean;
  readonly isFleetKnown: boolean;
  /** Services of which a route or a target group cannot be read: which color is live, and what it runs, is not known. */
  readonly unknown: ReadonlySet<ServiceName>;
  readonly problems: readonly string[];
  /** Calls to AWS that failed. */
  readonly failed: readonly PortError[];
}

interface Places {
  readonly topology: Topology;
  readonly seen: Ground['seen'];
  readonly unknown: ReadonlySet<ServiceName>;
  readonly isFleetKnown: boolean;
  readonly problems: readonly string[];
  readonly failed: readonly PortError[];
  /** Nothing at all could be read. */
  readonly isBlind: boolean;
}

/** Reads what `status` shows. What cannot be read is one problem among others. @throws what the first read says, where none gives anything */
export async function statusWorld(box: Toolbox): Promise<StatusWorld> {
  const [past, lease, places] = await Promise.all([
    attempt(() => pastOf(box)),
    attempt(() => readLease(box)),
    attempt(() => placesOf(box)),
  ]);
  if (past.error !== undefined && (places.value === undefined || places.value.isBlind)) throw past.error;
  if (places.value === undefined) throw places.error;
  const { topology, seen, unknown, isFleetKnown } = places.value;
  const problems = [...places.value.problems];
  for (const error of [past.error, lease.error]) if (error !== undefined) problems.push(problemText(error));
  const known = past.value ?? NO_PAST;
  const { unfinished } = known;
  const readable = { ...topology, services: topology.services.filter(({ settings }) => !unknown.has(settings.name)) };
  const { ground, trouble } =
    past.value === undefined
      ? { ground: withoutRelease(box, { topology: readable, seen, past: known, unfinished }), trouble: [] }
      : await groundUnless(box, { topology: readable, seen, past: known, unfinished });
  const facts = isFleetKnown
    ? ground.findings
    : ground.findings.filter(({ text }) => !text.includes('has no running instance'));
  return {
    ground: { ...ground, topology, findings: facts },
    lease: lease.value ?? { is: 'unknown', why: problemText(lease.error) },
    ...(unfinished === undefined ? {} : { unfinished }),
    isPastKnown: past.value !== undefined,
    isFleetKnown,
    unknown,
    problems: [...new Set([...problems, ...trouble])],
    failed: [...places.value.failed, ...[past.error, lease.error].flatMap((error) => callIn(error) ?? [])],
  };
}

/** The fast way where everything answers; else part by part. */
async function placesOf(box: Toolbox): Promise<Places> {
  const whole = await attempt(async (): Promise<Places> => {
    const topology = await resolveTopology(box);
    const seen = await survey(box, topology, undefined);
    const failed = seen.failed === undefined ? [] : [seen.failed];
    return { topology, seen, unknown: new Set(), isFleetKnown: true, problems: [], failed, isBlind: false };
  });
  return whole.value ?? partsOf(box, callIn(whole.error));
}

/** @param known a call that has failed already: it is not waited for again */
async function partsOf(box: Toolbox, known: PortError | undefined): Promise<Places> {
  const { settings, signal } = box;
  const reads = new Reads();
  if (known !== undefined) reads.fail(known, []);
  const trouble = noTrouble();
  const [fleet, placed] = await Promise.all([
    reads.try(['ec2:DescribeInstances', 'ssm:DescribeInstanceInformation'], trouble.fleet, () =>
      box.fleet.instances(settings.fleet, settings.layout, signal),
    ),
    placeAll(box, reads, trouble),
  ]);
  const seen = await surveyOf(box, reads, trouble, placed.topology, fleet ?? []);
  const unknown = placed.topology.services.filter((service) => !isRead(service, seen));
  const failed = [...reads.failed.values()];
  const checks: readonly Check[] = [
    ...Object.values(trouble).flatMap((some) => some.filter(({ level }) => level !== 'skip')),
    ...failed.filter((error) => error !== seen.failed).map((error) => failedCall(error, 'fail')),
  ];
  return {
    topology: placed.topology,
    seen,
    unknown: new Set(unknown.map(({ settings: { name } }) => name)),
    isFleetKnown: fleet !== undefined,
    problems: checks.map(({ text, fix }) => (fix === undefined ? text : `${text} (${fix})`)),
    failed,
    isBlind: fleet === undefined && seen.routes.size === 0 && seen.targets.size === 0,
  };
}

/** Whether everything that says which color of a service is live was read. */
function isRead({ settings, colors, routes }: PlacedService, seen: Ground['seen']): boolean {
  const wanted = (['blue', 'green'] as const).filter((color) => settings.colors[color] !== undefined);
  return (
    wanted.every((color) => colors[color] !== undefined) &&
    routes.length === settings.routes.length &&
    routes.every((arn) => seen.routes.has(arn))
  );
}

type PartlyRead = Pick<Ground, 'topology' | 'seen'> & {
  readonly past: Past;
  readonly unfinished: RolloutRecord | undefined;
};

/** What serves may be of a kind that cannot be rolled out from: that is shown, and is no reason to show nothing. */
async function groundUnless(
  box: Toolbox,
  read: PartlyRead,
): Promise<{ readonly ground: Ground; readonly trouble: readonly string[] }> {
  const { topology, seen, past, unfinished } = read;
  const judged = await attempt(() =>
    groundFrom(box, { topology, seen, past, ...(unfinished === undefined ? {} : { unfinished }) }),
  );
  if (judged.value !== undefined) return { ground: judged.value, trouble: [] };
  return { ground: withoutRelease(box, read), trouble: [problemText(judged.error)] };
}

/** Which releases serve is not known: the store does not answer, or what serves is of a kind that cannot be named. */
function withoutRelease(box: Toolbox, { topology, seen, past, unfinished }: PartlyRead): Ground {
  const { live, findings } = liveColors(box, topology, seen, unfinished);
  const now = box.clock.now();
  const release = { id: 'unknown', createdAt: now, adopted: false, services: {} };
  const present = { release, found: true, remarks: [], recreated: [] };
  return { topology, seen, past, outcomes: past.outcomes, live, present, moves: [], findings, now };
}

const problemText = (error: unknown): string => messageOf(error).replace(/\. Nothing was changed$/, '');

/** The value, or why it cannot be read. An interrupt, and a bug, are neither. */
async function attempt<T>(
  read: () => Promise<T>,
): Promise<{ readonly value: T; readonly error?: never } | { readonly value?: never; readonly error: Error }> {
  try {
    return { value: await read() };
  } catch (error) {
    const cause = error instanceof DeployctlError ? error.cause : error;
    const isAborted = cause instanceof PortError && cause.kind === 'aborted';
    if (isAborted || !(error instanceof DeployctlError || error instanceof PortError)) throw error;
    return { error };
  }
}
