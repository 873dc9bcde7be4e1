import { DeployctlError, EXIT } from '../domain/errors.js';
import type { RouteArn, TargetGroupArn } from '../domain/ids.js';
import type { FleetSelector } from '../domain/settings.js';
import { decode, encode } from './codec.js';
import type { StateDeps } from './lease-view.js';
import { CLAIMS, claimName } from './names.js';
import { claimSchema } from './schemas.js';
import type { ClaimRecord } from './schemas.js';
import { createOnce, listRaw } from './store.js';
import { retry } from './retry.js';

/** What an environment manages and nobody else may. */
export interface Claimed {
  readonly groups: readonly TargetGroupArn[];
  readonly routes: readonly RouteArn[];
  readonly fleetPorts: readonly { readonly fleet: FleetSelector; readonly port: number }[];
}

export interface ClaimConflict {
  readonly name: string;
  readonly kind: ClaimRecord['kind'];
  readonly what: string;
  readonly app: string;
  readonly environment: string;
}

/** Claims of others among what is wanted. Reads only: for plan and preflight. */
export async function claimConflicts(
  deps: StateDeps,
  wanted: Claimed,
  signal?: AbortSignal,
): Promise<readonly ClaimConflict[]> {
  const stored = await listRaw(deps, CLAIMS, signal);
  const conflicts: ClaimConflict[] = [];
  for (const claim of claimsOf(deps, wanted)) {
    const raw = stored.get(claim.name);
    const there = raw === undefined ? undefined : decode(claim.name, raw, claimSchema);
    if (there !== undefined && !isOurs(deps, there)) conflicts.push(conflict(claim.name, there));
  }
  return conflicts;
}

/**
 * Claims what is wanted, for good. What is ours already is fine. On a conflict, what this call has claimed is given back.
 * @throws DeployctlError `claim.taken` (exit 12) naming both sides and how to release, `state.damaged`
 */
export async function claim(deps: StateDeps, wanted: Claimed, signal?: AbortSignal): Promise<void> {
  const before = await claimConflicts(deps, wanted, signal);
  if (before.length > 0) throw takenError(deps, before);
  const stored = await listRaw(deps, CLAIMS, signal);
  const made: string[] = [];
  for (const { name, record } of claimsOf(deps, wanted)) {
    if (stored.has(name)) continue;
    const same = (raw: string): boolean => isOurs(deps, decode(name, raw, claimSchema));
    const result = await createOnce(deps, name, encode(name, record), same, { signal });
    if (result.is === 'stored') {
      made.push(name);
      continue;
    }
    // Someone else was quicker, between our look and our claim.
    if (made.length > 0) await retry(deps, (inner) => deps.parameters.remove(made, inner), { signal });
    throw takenError(deps, [conflict(name, decode(name, result.stored, claimSchema))]);
  }
}

/** Everything that this environment has claimed. */
export async function ownClaims(deps: StateDeps, signal?: AbortSignal): Promise<readonly ClaimConflict[]> {
  const found: ClaimConflict[] = [];
  for (const [name, raw] of await listRaw(deps, CLAIMS, signal)) {
    const there = decode(name, raw, claimSchema);
    if (isOurs(deps, there)) found.push(conflict(name, there));
  }
  return found;
}

function claimsOf(
  deps: StateDeps,
  wanted: Claimed,
): readonly { readonly name: string; readonly record: ClaimRecord }[] {
  const whats = [
    ...wanted.groups.map((what) => ({ kind: 'group' as const, what })),
    ...wanted.routes.map((what) => ({ kind: 'route' as const, what })),
    ...wanted.fleetPorts.flatMap(({ fleet, port }) =>
      fleetsOf(fleet).map((name) => ({ kind: 'port' as const, what: `${name} port ${port}` })),
    ),
  ];
  const { app, environment, clock } = deps;
  const claims = new Map<string, { name: string; record: ClaimRecord }>();
  for (const { kind, what } of whats) {
    const name = claimName(kind, what);
    claims.set(name, { name, record: { schema: 1, app, environment, kind, what, at: clock.now() } });
  }
  return [...claims.values()];
}

/** One claim an instance for a fleet of ids, so that fleets which share an instance collide; one for a fleet of tags. */
function fleetsOf(fleet: FleetSelector): readonly string[] {
  switch (fleet.is) {
    case 'ids':
      return fleet.ids;
    case 'tags': {
      const tags = Object.entries(fleet.tags).sort(([a], [b]) => (a < b ? -1 : 1));
      return [`instances with ${tags.map(([key, value]) => `${key}=${value}`).join(', ')}`];
    }
  }
}

function isOurs(deps: StateDeps, there: ClaimRecord): boolean {
  return there.app === deps.app && there.environment === deps.environment;
}

function conflict(name: string, there: ClaimRecord): ClaimConflict {
  return { name, kind: there.kind, what: there.what, app: there.app, environment: there.environment };
}

const KIND = { group: 'target group', route: 'route', port: 'fleet and port' } as const;

function takenError(deps: StateDeps, conflicts: readonly ClaimConflict[]): DeployctlError {
  const lines = conflicts.map(
    ({ kind, what, app, environment }) => `the ${KIND[kind]} ${what} is managed by ${app}/${environment}`,
  );
  return new DeployctlError({
    code: 'claim.taken',
    message: `${deps.app}/${deps.environment} may not manage what another environment manages: ${lines.join('; ')}`,
    exitCode: EXIT.refused,
    next: [
      'give this environment target groups, routes and host ports of its own in deployctl.yml',
      `or, if the other one has given it up: ${conflicts.map(({ name }) => `aws ssm delete-parameter --name ${name}`).join('; ')}`,
    ],
  });
}
