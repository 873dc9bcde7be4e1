import { iamAction } from '../../domain/errors.js';
import type { FleetInstance } from '../../domain/observation.js';
import { nameOf } from '../instance-name.js';
import { judgePorts } from '../intruders.js';
import { emptyFleet, judgeFleet, judgeHosts } from '../preflight.js';
import type { Toolbox } from '../toolbox.js';
import type { Check } from './check.js';
import { fail, ok, ofFinding, plural, skip, warn } from './check.js';
import type { Evidence } from './evidence.js';

/** Oldest Docker that the instance script is written for. */
const oldestDocker = [20, 10] as const;
const MB = 1024 * 1024;

/** Which instances there are, where, and whether they are enough. */
export function fleetChecks(box: Toolbox, evidence: Evidence): readonly Check[] {
  const { fleet, trouble, seen, model } = evidence;
  if (fleet === undefined) return [...trouble.fleet, skip('the instances could not be listed')];
  const none = emptyFleet(box, fleet);
  if (none.length > 0) return none.map(ofFinding);
  return [...trouble.fleet, zones(fleet), ...sets(box, fleet), ...judgeFleet(box, seen, model.plan).map(ofFinding)];
}

function zones(fleet: readonly FleetInstance[]): Check {
  const counts = new Map<string, number>();
  for (const { zone } of fleet) counts.set(zone, (counts.get(zone) ?? 0) + 1);
  const text = `${plural(fleet.length, 'instance')}: ${[...counts].map(([zone, count]) => `${zone} ${String(count)}`).join(', ')}`;
  const spread = 'spread the instances over the zones of the load balancer';
  return fleet.length > 1 && counts.size === 1
    ? warn(`${text}; the loss of that zone is the loss of all`, spread)
    : ok(text);
}

/** The two sets of the layout of two sets. */
function sets(box: Toolbox, fleet: readonly FleetInstance[]): readonly Check[] {
  const { layout } = box.settings;
  if (layout.is !== 'instances') return [];
  return (['blue', 'green'] as const).map((color) => {
    const members = fleet.filter((instance) => instance.color === color).length;
    const tag = `${layout.tag}=${layout.values[color]}`;
    return members === 0
      ? fail(`no instance of the fleet is ${color} (tag ${tag})`, `tag the instances of that set ${tag}`)
      : ok(`${color}: ${plural(members, 'instance')} with ${tag}`);
  });
}

/** Docker, disk, memory and tools, instance by instance. */
export function hostChecks(evidence: Pick<Evidence, 'seen' | 'model'>): readonly Check[] {
  const { seen, model } = evidence;
  return seen.fleet
    .map((instance) => {
      const facts = seen.facts.get(instance.id);
      const who = nameOf(instance);
      if (facts === undefined) {
        const why = seen.silent.get(instance.id);
        if (seen.failed !== undefined && instance.agent === 'online')
          return skip(`${who}: not inspected, since ${iamAction(seen.failed.operation)} failed`);
        return why === undefined
          ? fail(`${who}: it does not tell about its Docker and disk`, 'look at /var/log/deployctl on it')
          : skip(`${who}: ${why}`);
      }
      const alone = { ...seen, fleet: [instance] };
      const found = [...judgeHosts(alone, model.plan), ...judgePorts(alone, model.plan, 'all')].map(ofFinding);
      const { dockerVersion = 'unknown' } = facts;
      if (isOld(dockerVersion)) {
        found.push(fail(`${who}: Docker ${dockerVersion}; 20.10 or newer is wanted`, 'update Docker on it'));
      }
      if (facts.liveRestore === false) found.push(noLiveRestore(who, dockerVersion));
      const [first] = found;
      if (first !== undefined) return found;
      const free = (bytes: number | undefined): string => `${String(Math.round((bytes ?? 0) / MB))} MB`;
      const room = `${free(facts.diskFreeBytes)} of disk and ${free(facts.memoryAvailableBytes)} of memory free`;
      return ok(`${who}: its agent answers, Docker ${dockerVersion}, curl, flock, ${room}`);
    })
    .flat();
}

/** The policy of our containers is `unless-stopped`, which Docker 20.10 takes for stopped when its engine comes back from a crash. */
function noLiveRestore(who: string, dockerVersion: string): Check {
  const stay = dockerVersion.startsWith('20.') ? ', and after a crash this version leaves them down' : '';
  return warn(
    `${who}: Docker runs without live-restore: all containers end when its engine is restarted or upgraded${stay}`,
    'put "live-restore": true into /etc/docker/daemon.json on it, then `systemctl reload docker`: no container is restarted',
  );
}

function isOld(version: string): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined || minor === undefined) return false;
  const [wantedMajor, wantedMinor] = oldestDocker;
  return Number(major) < wantedMajor || (Number(major) === wantedMajor && Number(minor) < wantedMinor);
}
