import { createHash } from 'node:crypto';
import { DeployctlError, EXIT } from '../domain/errors.js';
import type { ReleaseId, RolloutId, ServiceName } from '../domain/ids.js';

/** Every parameter of deployctl lives below this path. */
export const ROOT = '/deployctl';
/** Who manages which target group, route, and fleet port: shared by all apps and environments of the account and Region. */
export const CLAIMS = `${ROOT}/claims`;

/** Paths of one environment's parameters. */
export interface Names {
  readonly base: string;
  readonly leases: string;
  readonly rollouts: string;
  readonly releases: string;
  readonly outcomes: string;
  lease(generation: number): string;
  rollout(id: RolloutId): string;
  timeline(rollout: RolloutId): string;
  picture(rollout: RolloutId): string;
  steers(rollout: RolloutId): string;
  steer(rollout: RolloutId, id: string): string;
  release(id: ReleaseId): string;
  service(release: ReleaseId, service: ServiceName): string;
  part(release: ReleaseId, service: ServiceName, part: number): string;
  outcome(generation: number, adopted: boolean): string;
}

/**
 * Paths below `/deployctl/<app>/<environment>/`.
 * @throws DeployctlError `state.name` (exit 64) when a name would not be a legal part of a parameter's name, or is taken by deployctl itself
 */
export function namesOf(app: string, environment: string): Names {
  if (app === 'claims') {
    throw new DeployctlError({
      code: 'state.name',
      message: `the app is called "claims", a name that deployctl keeps for itself below ${ROOT}/`,
      exitCode: EXIT.usage,
      next: ['give the app another name in deployctl.yml'],
    });
  }
  const base = `${ROOT}/${segment('app', app)}/${segment('environment', environment)}`;
  const rollout = (id: RolloutId): string => `${base}/rollouts/${segment('rollout', id)}`;
  const release = (id: ReleaseId): string => `${base}/releases/${segment('release', id)}`;
  const service = (id: ReleaseId, name: ServiceName): string => `${release(id)}/${segment('service', name)}`;
  return {
    base,
    leases: `${base}/lease`,
    rollouts: `${base}/rollouts`,
    releases: `${base}/releases`,
    outcomes: `${base}/outcomes`,
    lease: (generation) => `${base}/lease/${generation}`,
    rollout,
    timeline: (id) => `${base}/timelines/${segment('rollout', id)}`,
    picture: (id) => `${base}/pictures/${segment('rollout', id)}`,
    steers: (id) => `${rollout(id)}/steer`,
    steer: (id, steer) => `${rollout(id)}/steer/${segment('steering request', steer)}`,
    release,
    service,
    part: (id, name, part) => `${service(id, name)}/part-${part}`,
    outcome: (generation, adopted) => `${base}/outcomes/${generation}${adopted ? '-adopted' : ''}`,
  };
}

/** `/deployctl/claims/group-3f…`: ARNs and selectors hold characters that a parameter's name may not. */
export function claimName(kind: string, what: string): string {
  return `${CLAIMS}/${kind}-${createHash('sha256').update(what).digest('hex').slice(0, 32)}`;
}

/** The generation that a lease's or an outcome's name ends in; undefined when it is neither. */
export function generationOf(name: string): number | undefined {
  const digits = /\/([1-9]\d{0,14})(?:-adopted)?$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** What follows `path/` in `name`, when that is a single segment. */
export function childOf(path: string, name: string): string | undefined {
  if (!name.startsWith(`${path}/`)) return undefined;
  const rest = name.slice(path.length + 1);
  return rest === '' || rest.includes('/') ? undefined : rest;
}

/** Parameter names take letters, digits and `_.-` (SSM API reference, PutParameter, Name). */
function segment(what: string, name: string): string {
  if (/^[a-zA-Z0-9_.-]{1,100}$/.test(name)) return name;
  throw new DeployctlError({
    code: 'state.name',
    message: `the ${what} "${name}" cannot be part of a Parameter Store name: 1 to 100 letters, digits, "_", "." and "-" are allowed`,
    exitCode: EXIT.usage,
    next: [`rename the ${what}`],
  });
}
