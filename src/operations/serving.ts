import type { Color, Instant, ReleaseId, ServiceName } from '../domain/ids.js';
import type { Release, ServiceRelease } from '../domain/release.js';
import { imageTag, NO_RELEASE } from '../domain/release.js';
import type { Past } from '../state/index.js';
import { currentRelease } from '../state/index.js';
import { damageText, restoreFix } from './damage.js';
import type { Finding } from './preflight.js';
import type { Present } from './present.js';
import { presentRelease } from './present.js';
import type { Survey } from './survey.js';
import type { Toolbox } from './toolbox.js';
import type { Topology } from './topology.js';
import { beforeChange } from './topology.js';

/** What serves, and how that compares with the record. */
export interface Observed {
  readonly present: Present;
  /** The release that the record says serves, as far as it can be read. */
  readonly recorded?: Release;
  /** Of a release whose parameters cannot be read. */
  readonly damage: readonly Finding[];
  /** Services that another hand has moved since the last rollout. */
  readonly moves: readonly Move[];
}

/** What serves now: by the record where the instances agree with it, else by the containers themselves. */
export async function observed(
  box: Toolbox,
  topology: Topology,
  seen: Survey,
  live: ReadonlyMap<ServiceName, Color>,
  past: Past,
  now: Instant,
): Promise<Observed> {
  const { recorded, damage } = await recordedRelease(box, past);
  const found = await presentRelease(box, topology, seen, live, recorded, now);
  const present = found.found ? await recognised(box, found, past) : found;
  const isKnown = past.unclear === undefined && currentRelease(past.outcomes).is === 'known';
  return {
    present,
    ...(recorded === undefined ? {} : { recorded }),
    damage,
    moves: isKnown && recorded !== undefined ? movesByHand(recorded, present) : [],
  };
}

async function recordedRelease(
  box: Toolbox,
  { outcomes, unclear }: Past,
): Promise<{ readonly recorded?: Release; readonly damage: readonly Finding[] }> {
  const current = currentRelease(outcomes);
  if (current.is === 'none' || unclear !== undefined) return { damage: [] };
  // After a failure that left no single release, the one it came from is the best guess; the instances confirm it or not.
  const id = current.is === 'known' ? current.release : current.outcome.from;
  const parts = await beforeChange(() => box.state.readRelease(id, box.signal));
  if (parts === undefined) {
    const text = `release ${id}, which the record says serves, is not in Parameter Store any more: what serves is taken from the containers`;
    const fix = `deployctl rollout --env ${box.settings.environment}   # with the images that should serve: they get a record of their own`;
    return { damage: [{ level: 'warn', text, fix }] };
  }
  const damage = parts.damage.map((each): Finding => {
    const text = `${damageText(each)}. It belongs to ${id}, which serves: its containers are known by their labels, and a new start of one would be configured as deployctl.yml says now`;
    return { level: 'warn', text, fix: restoreFix(each) };
  });
  return { ...(parts.release === undefined ? {} : { recorded: parts.release }), damage };
}

/** The stored release that consists of exactly what was found; what was found where there is none. */
async function recognised(box: Toolbox, found: Present, past: Past): Promise<Present> {
  const stored = await storedRelease(box, found.release, past);
  return stored === undefined ? found : { ...found, release: stored, found: false };
}

/** The release in the store that runs the same of every service, if it can be read. */
export async function storedRelease(
  box: Toolbox,
  wanted: Release,
  { outcomes }: Pick<Past, 'outcomes'>,
): Promise<Release | undefined> {
  // A release that deployctl rolled out has its id in one of its services; an adopted one has it in history alone.
  const adopted = outcomes.flatMap(({ from, to, serving }) => [from, to, ...(serving === null ? [] : [serving])]);
  const ids = new Set<ReleaseId>([
    ...Object.values(wanted.services).map(({ release }) => release),
    ...adopted.filter((id) => id.startsWith('adopted-')),
  ]);
  for (const id of ids) {
    if (id === NO_RELEASE) continue;
    const parts = await beforeChange(() => box.state.readRelease(id, box.signal));
    if (parts?.release !== undefined && parts.damage.length === 0 && isSameRelease(parts.release, wanted))
      return parts.release;
  }
  return undefined;
}

const isSame = (a: ServiceRelease | undefined, b: ServiceRelease | undefined): boolean => a?.release === b?.release;

/** Whether two releases run the same of every service. */
export function isSameRelease(a: Release, b: Release): boolean {
  const names = new Set([...Object.keys(a.services), ...Object.keys(b.services)]);
  return [...names].every((name) => isSame(a.services[name], b.services[name]));
}

/** A service that serves something else than the record says. */
export interface Move {
  readonly service: ServiceName;
  readonly recorded: ServiceRelease;
  readonly now: ServiceRelease;
}

function movesByHand(recorded: Release, { release }: Present): readonly Move[] {
  return Object.entries(release.services).flatMap(([service, now]): readonly Move[] => {
    const before = recorded.services[service];
    if (before === undefined || isSame(before, now) || now.release === NO_RELEASE) return [];
    return [{ service, recorded: before, now }];
  });
}

/** `backend: 1.1.0 (r-…) serves, and the record says 1.0.0 (r-…): another hand has moved the traffic or replaced the containers`. */
export function moveText({ service, recorded, now }: Move): string {
  const says = (each: ServiceRelease): string => `${imageTag(each.spec.image)} (${each.release})`;
  return `${service}: ${says(now)} serves, and the record says ${says(recorded)}: another hand has moved the traffic or replaced the containers`;
}

export function moveFindings(
  environment: string,
  { recorded, moves }: Pick<Observed, 'recorded' | 'moves'>,
): Finding[] {
  if (recorded === undefined) return [];
  const fix = `deployctl rollback --env ${environment} --to ${recorded.id}   # back to what the record says; a rollout starts from what serves`;
  return moves.map((move) => ({ level: 'warn', text: moveText(move), fix }));
}
