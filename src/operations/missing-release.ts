import { DeployctlError, EXIT } from '../domain/errors.js';
import type { Color, ReleaseId } from '../domain/ids.js';
import type { Container } from '../domain/observation.js';
import type { RolloutRecord } from '../domain/record.js';
import type { Release, ServiceRelease } from '../domain/release.js';
import { releaseOf } from '../strategies/standing.js';
import { namesOf } from '../state/index.js';
import { containersOf, releaseFrom } from './observed.js';
import type { Survey } from './survey.js';
import type { Toolbox } from './toolbox.js';
import type { PlacedService, Topology } from './topology.js';
import { beforeChange } from './topology.js';

/**
 * Both releases of a rollout that is resumed or undone. One that is gone from Parameter Store is taken from the containers: of the new release those with its
 * id, of the previous one what else runs, or was last kept, on the live color.
 * @throws DeployctlError `release.missing` where the containers do not tell either
 */
export async function releasesOf(
  box: Toolbox,
  topology: Topology,
  seen: Survey,
  record: RolloutRecord,
): Promise<{ readonly from: Release; readonly to: Release }> {
  const [storedFrom, storedTo] = await beforeChange(() =>
    Promise.all([box.state.getRelease(record.from, box.signal), box.state.getRelease(record.to, box.signal)]),
  );
  const ids = { live: record.live, to: record.to };
  const from = storedFrom ?? recreated(topology, record, record.from, (service) => previousOf(seen, service, ids));
  if (from === undefined) throw missing(box, record, record.from);
  const to =
    storedTo ??
    recreated(
      topology,
      record,
      record.to,
      (service) => newOf(seen, service, ids) ?? from.services[service.settings.name],
      true,
    );
  if (to === undefined || (storedTo === undefined && !starts(to))) throw missing(box, record, record.to);
  for (const [release, stored] of [
    [from, storedFrom],
    [to, storedTo],
  ] as const) {
    if (stored !== undefined) continue;
    const text =
      `release ${release.id} is gone from Parameter Store: it is taken from its containers, with the settings of deployctl.yml, and stored anew` +
      (release === to ? '. A service of which no new container was started yet keeps what it runs' : '');
    box.emit({ type: 'note', level: 'warning', text });
    await beforeChange(() => box.state.putRelease(release, box.signal));
  }
  return { from, to };
}

/** Whether some service of the release is new with it. */
const starts = ({ id, services }: Release): boolean => Object.values(services).some(({ release }) => release === id);

function recreated(
  topology: Topology,
  record: RolloutRecord,
  id: ReleaseId,
  find: (service: PlacedService) => ServiceRelease | undefined,
  partly = false,
): Release | undefined {
  const services: Record<string, ServiceRelease> = {};
  for (const service of topology.services) {
    const found = find(service);
    if (found === undefined && !partly) return undefined;
    if (found !== undefined) services[service.settings.name] = found;
  }
  return { id, createdAt: record.startedAt, adopted: true, services };
}

interface Ids {
  readonly live: RolloutRecord['live'];
  readonly to: ReleaseId;
}

function newOf(seen: Survey, service: PlacedService, { live, to }: Ids): ServiceRelease | undefined {
  const container = containersOf(seen, service, liveOf(service, live)).find((each) => releaseOf(each) === to);
  return container === undefined ? undefined : releaseFrom(service, container);
}

/** What ran last on the live color besides the new release. */
function previousOf(seen: Survey, service: PlacedService, { live, to }: Ids): ServiceRelease | undefined {
  const color = liveOf(service, live);
  const others = containersOf(seen, service, color, [color]).filter((each) => releaseOf(each) !== to);
  const [last] = [...others].sort((a, b) => Number(b.running) - Number(a.running) || startedAt(b) - startedAt(a));
  return last === undefined ? undefined : releaseFrom(service, last);
}

const startedAt = ({ startedAt: at }: Container): number => Date.parse(at) || 0;
const liveOf = ({ settings }: PlacedService, live: Ids['live']): Color => live[settings.name] ?? 'blue';

function missing(box: Toolbox, record: RolloutRecord, id: ReleaseId): DeployctlError {
  const { app, environment } = box.settings;
  return new DeployctlError({
    code: 'release.missing',
    message: `rollout ${record.id} needs release ${id}, which is not in Parameter Store any more, and no container on the instances is of it`,
    exitCode: EXIT.needsHuman,
    // Its record makes every rollout wait for its end, which it cannot have any more.
    next: [
      `aws ssm delete-parameter --name ${namesOf(app, environment).rollout(record.id)}   # gives it up`,
      `deployctl status --env ${environment}    # then: what runs where`,
      `deployctl rollout --env ${environment}   # with the images that should serve`,
    ],
  });
}
