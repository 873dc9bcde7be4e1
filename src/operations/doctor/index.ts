import type { ImageRequest } from '../goal.js';
import type { Toolbox } from '../toolbox.js';
import { applicationChecks } from './application.js';
import type { Area, Level } from './check.js';
import { gather } from './evidence.js';
import { fleetChecks, hostChecks } from './fleet.js';
import { groupChecks } from './groups.js';
import { identityChecks } from './identity.js';
import { imageChecks, stateChecks } from './release.js';
import { routeChecks } from './routes.js';

export type { Level } from './check.js';

export interface DoctorResult {
  readonly schemaVersion: 1;
  /** No check failed. */
  readonly ok: boolean;
  readonly app: string;
  readonly environment: string;
  readonly region: string;
  readonly strategy: string;
  /** Predicted length of a rollout of all services, when enough could be read to predict it. */
  readonly estimateSeconds?: number;
  readonly areas: readonly Area[];
  readonly counts: Readonly<Record<Level, number>>;
  /** What to type next. */
  readonly next: readonly string[];
}

/**
 * Looks at everything that a rollout will depend on, all in one go: whatever is wrong or missing stops nothing else. Takes no lease and changes
 * nothing. `images`: also whether these exist, as `plan` finds out (by the registry's API, else by a pull on one instance).
 */
export async function doctor(box: Toolbox, images: ReadonlyMap<string, ImageRequest>): Promise<DoctorResult> {
  const evidence = await gather(box);
  const [routes, application, pictures, state] = await Promise.all([
    routeChecks(box, evidence),
    applicationChecks(box, evidence),
    imageChecks(box, evidence, images),
    stateChecks(box, evidence),
  ]);
  const areas: Area[] = [
    // Last, because every read before tells what this identity may do.
    { area: 'credentials and rights', checks: await identityChecks(box, evidence) },
    { area: 'fleet', checks: fleetChecks(box, evidence) },
    { area: 'instances', checks: hostChecks(evidence) },
    { area: 'target groups', checks: groupChecks(box, evidence) },
    { area: 'routes', checks: routes },
    { area: 'application', checks: application },
    { area: 'images', checks: pictures },
    { area: 'state', checks: state },
  ];
  const counts: Record<Level, number> = { ok: 0, warn: 0, fail: 0, skip: 0 };
  for (const { level } of areas.flatMap(({ checks }) => checks)) counts[level] += 1;
  const { estimate } = evidence.model;
  return {
    schemaVersion: 1,
    ok: counts.fail === 0,
    app: box.settings.app,
    environment: box.settings.environment,
    region: box.settings.region,
    strategy: box.settings.strategy,
    ...(estimate === undefined ? {} : { estimateSeconds: Math.round(estimate / 1000) }),
    areas: areas.filter(({ checks }) => checks.length > 0),
    counts,
    next: nextFor(box, counts.fail === 0),
  };
}

function nextFor({ settings }: Toolbox, ok: boolean): readonly string[] {
  const env = `--env ${settings.environment}`;
  if (!ok) return [`deployctl doctor ${env}   # once more, when what FAILs is mended`];
  return [`deployctl plan ${env} --image ${settings.services[0]?.name ?? 'SERVICE'}=TAG`];
}
