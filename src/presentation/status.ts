import type { Instant } from '../domain/ids.js';
import type { ServiceStatus, StatusResult, TargetStatus } from '../operations/status.js';
import { flat, oneLine } from '../reporters/clean.js';
import { age, bar, countdown, pad, timeOfDay, truncate, width } from '../reporters/format.js';
import { leaseText } from './lease.js';

/** One screen: what runs where, since when, by whom, what a rollout waits for and until when, and what to type next. */
export function statusText(found: StatusResult, now: Instant, columns = Infinity): string {
  const status = flat(found);
  const table = status.services.flatMap((service) => [...fitting(service, now, columns), '']);
  const lines = [
    ...headOf(status, now),
    `lock: ${leaseText(status.lease, now)}`,
    '',
    ...table.map((line) => truncate(line, columns)),
  ];
  if (status.problems.length > 0) lines.push(...status.problems.map((problem) => `! ${oneLine(problem)}`), '');
  if (status.next.length > 0) lines.push('Next:', ...status.next.map((line) => `  ${line}`));
  return lines.join('\n').trimEnd();
}

function headOf(status: StatusResult, now: Instant): readonly string[] {
  const images = status.services.map(({ service, image }) => `${service} ${image}`).join(', ');
  const where = `${status.app}/${status.environment}`;
  const since = status.since === undefined ? undefined : Date.parse(status.since);
  const when = since === undefined ? '' : `, since ${dayAndTime(since)} UTC (${age(since, now)})`;
  const by = status.by === undefined ? '' : ` by ${status.by}`;
  const record = recordText(status, `${when}${by}`);
  return [`${where}  ${images}`, `  ${record}`, ...runningLines(status, now), ...lastLines(status, now)];
}

function recordText({ release, recorded, unread }: StatusResult, when: string): string {
  if (release === null && unread !== undefined && recorded !== null) return 'what runs is not known';
  const found = release ?? 'found running';
  if (recorded === null) return `${found}; what the record says cannot be read`;
  if (recorded !== undefined) return `${found}; the record says ${recorded}: another hand has moved since`;
  return release === null ? 'found running; no rollout of ours brought it' : `${release}${when}`;
}

function runningLines({ running }: StatusResult, now: Instant): readonly string[] {
  if (running === undefined) return [];
  const { kind, rollout, by, strategy, services, phase, because, startedAt, deadline, waits, driven } = running;
  const moves = services.map(({ service, from, to }) => `${service} ${from} → ${to}`).join(', ');
  const until = Date.parse(deadline);
  const end = because === undefined ? 'is rolled back' : 'gives up';
  return [
    `${kind} ${rollout} (${strategy}) by ${by}, began ${age(Date.parse(startedAt), now)}${moves === '' ? '' : `: ${moves}`}`,
    ...(because === undefined ? [] : [`  goes back: ${oneLine(because)}`]),
    ...(driven ? [] : ['  nobody drives it any more: it stands still']),
    `  ${oneLine(phase)}`,
    ...waits.map(({ what, until: latest }) => {
      const same = oneLine(phase).endsWith(oneLine(what));
      return `  ${same ? '' : `waits: ${oneLine(what)}, `}${untilText(Date.parse(latest), now)}`;
    }),
    ...(driven ? [`  ${end} at ${timeOfDay(until)} if it has not ended by then (${countdown(until - now)})`] : []),
  ];
}

const untilText = (until: Instant, now: Instant): string =>
  `until ${timeOfDay(until)} at most${until > now ? ` (${countdown(until - now)})` : ''}`;

/** How the last one ended, where that says more than what serves. */
function lastLines({ last, running }: StatusResult, now: Instant): readonly string[] {
  if (last === undefined || running !== undefined || last.outcome === 'succeeded') return [];
  return [
    `last: ${last.kind} ${last.rollout} by ${last.by} ${last.outcome} ${age(Date.parse(last.endedAt), now)}`,
    `  ${oneLine(last.reason)}`,
  ];
}

/** The widest form of the table that fits: without the age of the containers, then without the zones. What still does not fit is cut. */
function fitting(service: ServiceStatus, now: Instant, columns: number): readonly string[] {
  const forms = [
    { ages: true, zoned: true },
    { ages: false, zoned: true },
    { ages: false, zoned: false },
  ].map((form) => serviceLines(service, now, form));
  return forms.find((lines) => lines.every((line) => width(line) <= columns)) ?? forms.at(-1) ?? [];
}

/** One row an instance, one column a color. */
function serviceLines(
  service: ServiceStatus,
  now: Instant,
  { ages, zoned }: { readonly ages: boolean; readonly zoned: boolean },
): readonly string[] {
  const weights = Object.entries(service.weights);
  const traffic =
    weights.length < 2
      ? ''
      : `  ${weights.map(([color, share]) => `${color} ${bar(share / 100, 10)} ${String(share)}%`).join('  ')}`;
  const live = service.live === 'unclear' ? '  which color is live is unclear' : '';
  const colors = service.colors.filter(({ targets }) => targets.some(isUsed) || service.colors.length === 1);
  const idle = service.colors.filter((color) => !colors.includes(color)).map(({ color }) => `nothing on ${color}`);
  const head = [
    `${service.service} ${service.image}`,
    traffic,
    live,
    idle.length === 0 ? '' : `  ${idle.join(', ')}`,
  ].join('');
  const rows = new Map<string, { readonly name: string; readonly zone: string; readonly cells: string[] }>();
  colors.forEach(({ targets }, index) => {
    for (const target of targets) {
      const row = rows.get(target.instance) ?? { name: oneLine(target.name), zone: target.zone, cells: [] };
      rows.set(target.instance, row);
      row.cells[index] = cellOf(target, ages ? now : undefined);
    }
  });
  const all = [...rows.values()];
  const names = Math.max(8, ...all.map(({ name }) => width(name)));
  const zones = zoned ? Math.max(4, ...all.map(({ zone }) => width(zone))) + 2 : 0;
  const widths = colors.map(({ color, port }, index) =>
    Math.max(width(`${color} :${String(port)}`), ...all.map(({ cells }) => width(cells[index] ?? ''))),
  );
  const line = (name: string, zone: string, cells: readonly string[]): string =>
    `  ${pad(name, names)}  ${pad(zone, zones)}${widths.map((cells_, index) => pad(cells[index] ?? '', cells_)).join('   ')}`.trimEnd();
  return [
    head,
    line(
      'instance',
      'zone',
      colors.map(({ color, port }) => `${color} :${String(port)}`),
    ),
    ...all.map(({ name, zone, cells }) => line(name, zone, cells)),
    ...colors.flatMap(({ color, targets }) =>
      targets.flatMap(({ name, description, state }) =>
        description === undefined || state === 'healthy'
          ? []
          : [`  ${oneLine(name)} ${color}: ${oneLine(description)}`],
      ),
    ),
  ];
}

const isUsed = ({ state, runs }: TargetStatus): boolean => state !== 'not registered' || runs !== 'nothing';

/** @param now absent: without the age of the container */
function cellOf({ state, runs, since }: TargetStatus, now: Instant | undefined): string {
  if (state === 'not registered' && runs === 'nothing') return '–';
  const place = state === 'not registered' ? 'no traffic' : state;
  const up =
    now === undefined || since === undefined || runs === 'nothing' ? '' : `  up ${countdown(now - Date.parse(since))}`;
  return `${place}  ${oneLine(runs)}${up}`;
}

function dayAndTime(at: Instant): string {
  return new Date(at).toISOString().slice(0, 16).replace('T', ' ');
}
