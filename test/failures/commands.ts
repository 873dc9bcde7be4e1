import type { Color } from '../../src/domain/ids.js';
import { Asides } from '../../src/compose/asides.js';
import { compose } from '../../src/compose/index.js';
import { parseSettings, selectEnvironment } from '../../src/config/load.js';
import type { EnvironmentSettings } from '../../src/domain/settings.js';
import { logs } from '../../src/operations/containers.js';
import { exec } from '../../src/operations/exec.js';
import type { RunnerBox } from '../../src/operations/run-on.js';
import { doctor } from '../../src/operations/doctor/index.js';
import { history, historyShow } from '../../src/operations/history.js';
import { discover } from '../../src/operations/init/discover.js';
import { noSeeds } from '../../src/operations/init/draft.js';
import { breakLease, readLease } from '../../src/operations/lease.js';
import { report } from '../../src/operations/report.js';
import { resume } from '../../src/operations/resume.js';
import { retire } from '../../src/operations/retire.js';
import { rollback } from '../../src/operations/rollback.js';
import { plan, rollout } from '../../src/operations/rollout.js';
import { status } from '../../src/operations/status.js';
import { steer } from '../../src/operations/steer.js';
import { validate } from '../../src/operations/validate.js';
import { doctorText } from '../../src/presentation/doctor.js';
import { statusText } from '../../src/presentation/status.js';
import { createLines } from '../../src/reporters/lines.js';
import { ManualClock } from '../_helpers/manual-clock.js';
import { outcome, record, release, spec, world } from '../state/world.js';
import { Account, digestOf, ecrRepository } from './account.js';
import type { Fault } from './account.js';

const config = `
app: shop
region: eu-west-1
services:
  backend:
    image: ${ecrRepository}
    container: { port: 3000 }
    health: { path: /health }
  frontend:
    image: shop/frontend
    container: { port: 3000 }
    health: { path: /health }
environments:
  production:
    fleet: { tags: { App: shop } }
    strategy: blue-green
    gates:
      inconclusive: pass
      probes: [{ name: home, url: http://shop.invalid/ }]
    services:
      backend:
        blue: { port: 8081, target-group: shop-backend-blue }
        green: { port: 8082, target-group: shop-backend-green }
        routes: [{ load-balancer: shop, path: /api/* }]
      frontend:
        blue: { port: 8091, target-group: shop-frontend-blue }
        green: { port: 8092, target-group: shop-frontend-green }
        routes: [{ load-balancer: shop, port: 80 }]
`;

/** What the state says: everything is at rest, a rollout was interrupted, or one is driven on another machine. */
type Situation = 'rest' | 'interrupted' | 'driven';

/** A command got as far as its first change: what comes then is for the loop. */
class Reached extends Error {}

interface Command {
  readonly in: Situation;
  /** @returns what it prints, and its exit code where that is not 0 */
  readonly run: (box: RunnerBox) => Promise<{ readonly text?: string; readonly exitCode?: number } | void>;
}

const reach = (): Promise<boolean> => Promise.reject(new Reached());
const image = new Map([['backend', { repository: ecrRepository, tag: '2.0.0' }]]);
const quiet = async (work: Promise<unknown>): Promise<void> => void (await work);

/** Every command that calls AWS, up to its first change. */
export const commands: Readonly<Record<string, Command>> = {
  status: {
    in: 'interrupted',
    run: async (box) => {
      const result = await status(box);
      return { text: statusText(result, box.clock.now()), exitCode: result.unread === undefined ? 0 : 12 };
    },
  },
  plan: { in: 'rest', run: (box) => quiet(plan(box, { images: image, options: {} })) },
  rollout: { in: 'rest', run: (box) => quiet(rollout(box, { images: image, options: {}, confirm: reach })) },
  rollback: { in: 'rest', run: (box) => quiet(rollback(box, { force: false, confirm: reach })) },
  'rollback of a rollout': { in: 'interrupted', run: (box) => quiet(rollback(box, { force: false, confirm: reach })) },
  resume: { in: 'interrupted', run: (box) => quiet(resume(box, {})) },
  retire: { in: 'rest', run: (box) => quiet(retire(box, { confirm: reach })) },
  doctor: {
    in: 'rest',
    run: async (box) => {
      const result = await doctor(box, image);
      return { text: doctorText(result), exitCode: result.ok ? 0 : 12 };
    },
  },
  validate: { in: 'rest', run: (box) => quiet(validate(box, { for: 1000, monitor: 0, autoRollback: false })) },
  history: { in: 'rest', run: (box) => quiet(history(box, 5)) },
  'history show': { in: 'rest', run: (box) => quiet(historyShow(box, undefined)) },
  report: { in: 'rest', run: (box) => quiet(report(box, 'ro-20261124-120000-0001')) },
  logs: { in: 'rest', run: (box) => quiet(logs(box, { service: 'backend' }, { tail: 10 })) },
  exec: { in: 'rest', run: (box) => quiet(exec(box, { service: 'backend' }, ['node', '--version'], 5000)) },
  'lease show': { in: 'driven', run: (box) => quiet(readLease(box)) },
  'lease release': { in: 'driven', run: (box) => quiet(breakLease(box, true)) },
  abort: { in: 'driven', run: (box) => quiet(steer(box, 'abort', {})) },
  pause: { in: 'driven', run: (box) => quiet(steer(box, 'pause', { for: 60_000 })) },
  promote: { in: 'driven', run: (box) => quiet(steer(box, 'promote', {})) },
  init: {
    in: 'rest',
    run: (box) =>
      quiet(discover(box, 'eu-west-1', noSeeds, ({ proposal, choices }) => Promise.resolve(proposal ?? choices?.[0]))),
  },
};

/** Counts its sleeps, so that a driver sees that something still happens. */
class CountingClock extends ManualClock {
  sleeps = 0;

  override sleep(duration: number, signal?: AbortSignal): Promise<void> {
    this.sleeps += 1;
    return super.sleep(duration, signal);
  }
}

/** How one run of a command went. */
export interface Run {
  /** Operations that it called before its first change, in order. */
  readonly calls: readonly string[];
  /** Lines on stderr, with ms since the command began. */
  readonly lines: readonly { readonly at: number; readonly text: string }[];
  /** What it printed, where that is looked at. */
  readonly printed: string;
  readonly error: unknown;
  readonly exitCode: number;
  /** How long it took. */
  readonly took: number;
  /** When the fault was met first. */
  readonly faultAt: number | undefined;
}

let settings: EnvironmentSettings | undefined;

/** Runs a command to its end, or to its first change. Time passes only while nothing else happens. */
export async function runCommand(name: string, fault?: Fault): Promise<Run> {
  const command = commands[name];
  if (command === undefined) throw new Error(`no command ${name}`);
  const clock = new CountingClock();
  const { store, stop: leave } = await situation(command.in, clock);
  const account = new Account(store, clock);
  account.fault = fault;
  const began = clock.monotonic();
  const lines: { at: number; text: string }[] = [];
  const write = (text: string): void => void lines.push({ at: clock.monotonic() - began, text: text.trimEnd() });
  const stop = new AbortController();
  settings ??= selectEnvironment(
    parseSettings(config, { path: '/deployctl.yml', name: 'deployctl.yml', env: {} }),
    undefined,
  );
  const composed = await compose({
    settings,
    env: {},
    signal: stop.signal,
    quiet: true,
    asides: new Asides(),
    instead: { clock, requestHandler: account.handler, progress: createLines({ write, clock }) },
  });
  let calls: readonly string[] | undefined;
  const reached = (): void => void (calls ??= [...account.calls]);
  const good = { probe: 'home', good: 100, bad: 0 };
  const box: RunnerBox = {
    ...composed.box,
    emit: (event) => {
      if (event.type === 'rollout.started') {
        reached();
        stop.abort(new Error('the test has seen enough'));
      }
      composed.box.emit(event);
    },
    gates: () => ({ watch: () => ({ probes: [good], commands: [] }), close: () => Promise.resolve() }),
  };
  let error: unknown;
  let ended: { readonly text?: string; readonly exitCode?: number } = {};
  const work = command.run(box).then(
    (result) => void (ended = result ?? {}),
    (reason: unknown) => {
      error = reason;
    },
  );
  await drive(clock, account, work);
  const took = clock.monotonic() - began;
  if (error instanceof Reached) reached();
  // As the command does at its end.
  stop.abort(new Error('the command has ended'));
  leave();
  await composed.close();
  return {
    calls: calls ?? account.calls,
    lines,
    printed: ended.text ?? '',
    error: calls === undefined ? error : undefined,
    exitCode: ended.exitCode ?? 0,
    took,
    faultAt: account.faultAt === undefined ? undefined : account.faultAt - began,
  };
}

/** Turns of the event loop without anything new, after which everybody waits for time to pass. */
const quietTurns = 12;

async function drive(clock: CountingClock, account: Account, work: Promise<unknown>): Promise<void> {
  let over = false;
  void work.finally(() => (over = true));
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const happened = (): number => clock.sleeps + account.activity;
  const longest = clock.monotonic() + 3_600_000;
  while (!over) {
    for (let [still, seen] = [0, happened()]; still < quietTurns && !over; still += 1) {
      await turn();
      if (happened() === seen) continue;
      seen = happened();
      still = 0;
    }
    if (!over && clock.untilNext !== undefined) await clock.advance(clock.untilNext);
    if (clock.monotonic() > longest) throw new Error('the command did not end within an hour');
  }
}

/** What others have stored. `stop` ends the process that drives the rollout. */
async function situation(
  which: Situation,
  clock: ManualClock,
): Promise<{ readonly store: ReturnType<typeof world>['store']; readonly stop: () => void }> {
  const { store, person } = world(clock);
  const { state, take } = person('anna');
  const images = { backend: 'a', frontend: 'b' } as const;
  const releaseOf = (id: string) => {
    const services = Object.entries(images).map(([service, letter]) => {
      const repository = service === 'backend' ? ecrRepository : 'shop/frontend';
      const made = spec({ image: { repository, tag: '1.0.0', digest: digestOf(letter) }, containerPort: 3000 });
      return [service, { release: id, spec: made }] as const;
    });
    return release(id, { services: Object.fromEntries(services) });
  };
  const live: Record<string, Color> = { backend: 'blue', frontend: 'blue' };
  for (const id of ['r-0', 'r-1', 'r-2']) await state.putRelease(releaseOf(id));
  for (const [generation, from, to] of [
    [1, 'r-2', 'r-0'],
    [2, 'r-0', 'r-1'],
  ] as const) {
    const lease = await state.acquireLease(take());
    const id = `ro-20261124-120000-000${String(generation - 1)}`;
    const ended = { endedAt: clock.now(), outcome: 'succeeded' } as const;
    await state.writeRecord(record({ id, generation, from, to, live, ...ended }), lease);
    await state.writeOutcome(outcome(generation, { rollout: id, from, to, serving: to }), lease);
    await lease.release();
  }
  if (which === 'rest') return { store, stop: () => undefined };
  const holder = await state.acquireLease(take({ rollout: 'ro-20261124-130000-0009' }));
  await state.writeRecord(
    record({
      id: 'ro-20261124-130000-0009',
      generation: 3,
      from: 'r-1',
      to: 'r-2',
      live,
      deadline: clock.now() + 3_600_000,
      how: { is: 'blue-green', steps: [100] },
    }),
    holder,
  );
  if (which === 'interrupted') await holder.release();
  return { store, stop: () => void holder.release() };
}
