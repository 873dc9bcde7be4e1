import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { vi } from 'vitest';
import type { AccessEntry } from '../../src/sandbox/load-balancer/access-log.js';
import type { LoadSummary } from '../../src/sandbox/load/index.js';
import type { StatusResult } from '../../src/operations/status.js';
import type { CliResult, Service, StartOptions } from '../e2e/kit.js';
import { rolloutTo, SERVICES } from '../e2e/kit.js';
import { toBlameFor } from './blame.js';
import type { Case, Scenario } from './case.js';
import type { KillPoint } from './gate.js';
import { openGate } from './gate.js';
import type { Ground } from './ground.js';
import { configFor } from './ground.js';

/** What became of a case. */
export interface Played {
  /** Processes that were killed. */
  readonly deaths: number;
  /** From the start of the command that came after the last death to the end, in ms; undefined without a death. */
  readonly took: number | undefined;
  readonly requests: number;
  /** How often somebody was told with exit 14 to go on. */
  readonly stalls: number;
  /** Requests that the release itself failed. */
  readonly excused: number;
  /** Requests that deployctl lost. */
  readonly lost: number;
  /** What was not as it was promised. Empty: all was. */
  readonly faults: readonly string[];
  /** Everything that the commands said, for a fault. */
  readonly transcript: string;
  /** Calls of the first process, by operation. */
  readonly counts: ReadonlyMap<string, number>;
}

/** How often in a row whoever comes next may be told to go on. */
const mostStalls = 3;

const versions = ['1.0.0', '1.1.0', '2.0.0'] as const;
/** The tag of the shop's images that does it. */
const imageOf: Readonly<Record<Scenario['fate'], string | undefined>> = {
  good: undefined,
  'never-healthy': 'never-healthy',
  dies: 'crashes',
};

type Image = Readonly<Partial<Record<Service, string>>>;

/** One command of a case, and whether it died. */
interface Run {
  readonly result: CliResult;
  readonly killed: boolean;
}

/**
 * Rolls out, kills the process where the case says, lets somebody come after it until an end is reached, and holds what is left to what was promised. The
 * shop is under load all the time. A case without kills is an undisturbed rollout.
 */
export async function playCase(ground: Ground, each: Case): Promise<Played> {
  const { scenario, recovery, kills } = each;
  const { shop } = ground;
  const faults: string[] = [];
  const said: string[] = [];
  const before = ground.serving;
  const images = imagesFor(ground, scenario);
  const good = scenario.fate === 'good';
  await ground.configure(configFor(scenario.fate, Object.keys(images)));
  const elsewhere = recovery === 'another' ? await anotherMachine(ground) : {};
  await ground.requests();
  const load = shop.load({ rate: 30, connections: 15 });
  let counts: ReadonlyMap<string, number> = new Map();
  let deaths = 0;
  let took: number | undefined;
  let stalls = 0;
  let summary: LoadSummary;

  const run = async (args: readonly string[], point?: KillPoint, options: StartOptions = {}): Promise<Run> => {
    const one = await runGated(ground, args, point, options);
    said.push(one.result.transcript + (one.killed ? ` killed at ${JSON.stringify(point)}` : ''));
    if (counts.size === 0) counts = one.counts;
    if (one.killed) deaths += 1;
    return one;
  };
  const wants = ({ result }: Run, codes: readonly number[]): void => {
    if (!codes.includes(result.code)) faults.push(`exit ${String(result.code)}, wanted ${codes.join(' or ')}`);
  };
  const look = async (): Promise<StatusResult> => {
    for (let left = mostStalls; ; left -= 1) {
      const { result } = await run(['status', '--json']);
      if (result.code === 0) return JSON.parse(result.stdout) as StatusResult;
      if (left === 0) throw new Error(`status ended with ${String(result.code)}`);
    }
  };

  try {
    const args = rolloutTo(images, scenario.strategy, ...(scenario.fate === 'dies' ? ['--bake', '4s'] : []));
    let last = await run(args, kills[0]);
    let isBack = !good;
    if (!last.killed && last.result.code !== 14) wants(last, [good ? 0 : 10]);
    // 14 says that somebody has to go on: the machine stood still for longer than the lease allows. Whoever is told so does it, a few times.
    const isOpen = (): boolean => last.killed || (last.result.code === 14 && (stalls += 1) <= mostStalls);
    for (let turn = 1; isOpen(); turn += 1) {
      const seen = await look();
      const next = nextOf(each, args, seen, seen.last?.rollout !== ground.lastRollout);
      isBack = next.isBack;
      took = last.killed ? 0 : (took ?? 0);
      for (const { command, codes } of next.commands) {
        const isLast = command === next.commands.at(-1)?.command;
        last = await run(command, isLast ? kills[turn] : undefined, elsewhere);
        took += last.result.ms;
        if (last.killed || last.result.code === 14) break;
        wants(last, codes);
      }
    }
    if (last.result.code === 14) faults.push(`still open after ${String(stalls)} times exit 14`);
    ground.serving = isBack ? before : { ...before, ...images };
    const end = await look();
    ground.lastRollout = end.last?.rollout;
    faults.push(...recordFaults(end, ground.serving));
    faults.push(...(await ground.faults()));
  } catch (error) {
    faults.push(error instanceof Error ? error.message : String(error));
  } finally {
    summary = await load.stop();
  }
  const entries = await allOf(ground, summary.requests);
  const lost = toBlameFor(
    scenario.fate,
    entries,
    ground.good,
    await readFile(join(ground.shop.dir, 'sandbox', 'events.log'), 'utf8'),
  );
  for (const entry of lost.slice(0, 5)) faults.push(`a request was lost: ${JSON.stringify(entry)}`);
  if (scenario.fate !== 'dies' && summary.failures > lost.length)
    faults.push(
      `clients saw ${String(summary.failures)} failures: ${JSON.stringify(summary.firstFailures.slice(0, 3))}`,
    );
  return {
    deaths,
    took,
    stalls,
    requests: summary.requests,
    excused: summary.failures - Math.min(summary.failures, lost.length),
    lost: lost.length,
    faults,
    transcript: said.join('\n\n'),
    counts,
  };
}

/** What whoever comes next types, the codes that it may end with, and whether that leads back to what served before. */
interface Next {
  readonly commands: readonly { readonly command: readonly string[]; readonly codes: readonly number[] }[];
  readonly isBack: boolean;
}

function nextOf({ scenario, recovery }: Case, rollout: readonly string[], seen: StatusResult, isEnded: boolean): Next {
  const isGood = scenario.fate === 'good';
  const wait = recovery === 'another' ? ['--lock-wait', '1m'] : [];
  const end = isGood ? 0 : 10;
  const again = { command: [...rollout, ...wait], codes: [end] };
  const nothing = { command: ['resume', ...wait], codes: [12] };
  const back = { command: ['rollback', '--yes'], codes: [0] };
  // A way back that was begun by hand is gone on with.
  if (seen.running?.kind === 'rollback')
    return { commands: [{ command: ['resume', ...wait], codes: [0] }], isBack: true };
  if (seen.running !== undefined) {
    if (recovery === 'rollback') return { commands: [back], isBack: true };
    const resume = { command: ['resume', ...wait], codes: [end] };
    if (recovery === 'resume') return { commands: [resume], isBack: !isGood };
    // Whoever wants the same is told that there is one that has not ended.
    return { commands: [{ command: again.command, codes: [12] }, resume], isBack: !isGood };
  }
  if (!isEnded) {
    // It died before it had stored what it wanted: nothing has happened.
    return { commands: recovery === 'resume' ? [nothing, again] : [again], isBack: !isGood };
  }
  // Its outcome is stored: only somebody who wants back has something left to do.
  const succeeded = seen.last?.outcome === 'succeeded' && seen.last.kind === 'rollout';
  if (recovery === 'rollback' && succeeded) return { commands: [back], isBack: true };
  return { commands: [nothing], isBack: !succeeded };
}

async function runGated(
  { shop }: Ground,
  args: readonly string[],
  point: KillPoint | undefined,
  options: StartOptions,
): Promise<Run & { readonly counts: ReadonlyMap<string, number> }> {
  let kill = (): void => undefined;
  const gate = await openGate(shop.status.endpoint, point, () => {
    kill();
  });
  try {
    const running = shop.start(args, { ...options, env: { ...options.env, AWS_ENDPOINT_URL: gate.endpoint } });
    kill = () => {
      running.kill('SIGKILL');
    };
    const result = await running.done;
    return { result, killed: gate.struck && result.code === -1, counts: gate.counts };
  } finally {
    await gate.close();
  }
}

/** Another host name, home and folder: nothing of the dead process can be asked for there, so its lease has to run out. */
async function anotherMachine({ shop }: Ground): Promise<StartOptions> {
  const cwd = join(shop.dir, 'elsewhere');
  await mkdir(cwd, { recursive: true });
  await writeFile(join(cwd, 'deployctl.yml'), await readFile(join(shop.dir, 'deployctl.yml')));
  return {
    cwd,
    env: { HOME: cwd, USER: 'another' },
    under: ['unshare', '--uts', 'sh', '-c', 'hostname elsewhere && exec "$@"', 'sh'],
  };
}

function imagesFor({ serving }: Ground, { change, fate }: Scenario): Image {
  const services = change === 'both' ? SERVICES : (['backend'] as const);
  return Object.fromEntries(
    services.map((service) => {
      const at = versions.findIndex((version) => version === serving[service]);
      return [service, imageOf[fate] ?? versions[(at + 1) % versions.length]];
    }),
  );
}

function recordFaults(end: StatusResult, serving: Readonly<Record<Service, string>>): readonly string[] {
  const found = end.problems.map((problem) => `status: ${problem}`);
  if (end.running !== undefined) found.push(`status: ${end.running.rollout} has not ended: ${end.running.phase}`);
  if (end.lease.is !== 'free') found.push(`the lease is ${JSON.stringify(end.lease)}`);
  if (end.last?.outcome === 'failed') found.push(`the record says that it failed: ${end.last.reason}`);
  for (const { service, image } of end.services) {
    const wanted = serving[service as Service];
    if (image !== wanted) found.push(`status says that ${service} ${image} serves, wanted ${wanted}`);
  }
  return found;
}

/** The load balancer writes its log a moment later. */
async function allOf(ground: Ground, requests: number): Promise<readonly AccessEntry[]> {
  const entries: AccessEntry[] = [];
  await vi
    .waitFor(async () => {
      entries.push(...(await ground.requests()));
      if (entries.length < requests)
        throw new Error(`${String(entries.length)} of ${String(requests)} requests are in the log`);
    }, 30_000)
    .catch((error: unknown) => {
      throw new Error('the access log is not whole', { cause: error });
    });
  return entries;
}
