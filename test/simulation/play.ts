import { z } from 'zod';
import { DeployctlError, EXIT, messageOf, PortError } from '../../src/domain/errors.js';
import type { Ms } from '../../src/domain/ids.js';
import type { OperationResult } from '../../src/operations/drive.js';
import { resume } from '../../src/operations/resume.js';
import { rollback } from '../../src/operations/rollback.js';
import { rollout } from '../../src/operations/rollout.js';
import type { Toolbox } from '../../src/operations/toolbox.js';
import { UNKNOWN, UNROUTED, UNSERVED } from '../../src/strategies/moved.js';
import { Auditor } from './auditor.js';
import type { ProcessOptions } from './process.js';
import { Process } from './process.js';
import { toolboxOf } from './ports.js';
import type { Scenario } from './scenario.js';
import { changed, promisedBy, settingsOf, worldOf } from './scenario.js';
import { Stuck } from './timeline.js';
import type { Host } from './world/docker.js';
import { isUp } from './world/docker.js';
import type { ServiceShape } from './world/shape.js';
import type { World } from './world/world.js';

export type Command = 'rollout' | 'resume' | 'rollback' | `rollback --to ${string}`;

/** What is read of a stored outcome here, by a reader of its own. */
const outcomeShape = z.looseObject({
  generation: z.number(),
  rollout: z.string(),
  outcome: z.string(),
  serving: z.string().nullable(),
  images: z.record(z.string(), z.string()),
});

/** How a process ended. */
export type Ended =
  | { readonly is: 'result'; readonly result: OperationResult; readonly exit: number }
  | { readonly is: 'refused'; readonly error: DeployctlError; readonly exit: number }
  | { readonly is: 'killed'; readonly exit: undefined };

/** What happens so shortly before the end of a command may go unnoticed. */
const notice: Ms = 12_000;

/** So shortly before the end an instance may have come back to the fleet. */
const unnoticed: Ms = 25_000;

/** Nothing takes longer than this, whatever happens: every wait ends. */
const longest: Ms = 5400_000;

/** A world with its auditor, in which commands are run one after the other or at once. */
export class Play {
  readonly scenario: Scenario;
  readonly world: World;
  readonly auditor: Auditor;
  deaths = 0;
  /** When the last command ended: what the world does later is nothing that it could report. */
  endedAt: Ms = 0;
  readonly #ends = new WeakMap<Ended, Ms>();

  constructor(scenario: Scenario, world: World) {
    this.scenario = scenario;
    this.world = world;
    this.auditor = new Auditor(world, promisedBy(scenario));
    world.watcher = this.auditor;
  }

  static async begin(scenario: Scenario): Promise<Play> {
    return new Play(scenario, await worldOf(scenario));
  }

  process(options: Partial<Omit<ProcessOptions, 'world'>> = {}): Process {
    const { world } = this;
    const process = new Process({ world, name: world.id('p'), machine: 'laptop', ...options });
    world.living.add(process.actor.pid);
    return process;
  }

  /** Starts a command; `ended` tells how it ended. Time has to be driven. */
  start(process: Process, command: Command, tag = 'new', lockWait = 120_000): Promise<Ended> {
    const box = toolboxOf(process, settingsOf(this.scenario));
    this.world.note(`${process.name}: ${command}`);
    const died = new Promise<Ended>((resolve) => {
      process.onDeath = () => {
        this.world.living.delete(process.actor.pid);
        this.deaths += 1;
        resolve({ is: 'killed', exit: undefined });
      };
    });
    const work = operate(box, command, this.scenario, tag, lockWait)
      .then(
        (result): Ended => ({ is: 'result', result, exit: result.exitCode }),
        (error: unknown): Ended => {
          const known = refusalIn(error);
          if (known !== undefined) return { is: 'refused', error: known, exit: known.exitCode };
          this.auditor.violated(
            'bug',
            `${command} threw ${messageOf(error)} ${error instanceof Error ? (error.stack ?? '') : ''}`,
          );
          return { is: 'killed', exit: undefined };
        },
      )
      .finally(() => this.world.living.delete(process.actor.pid));
    return Promise.race([work, died]).then((ended) => {
      this.#ends.set(ended, this.world.timeline.now);
      return ended;
    });
  }

  /** Which of two commands ended later. */
  later(one: Ended, other: Ended): Ended {
    return (this.#ends.get(other) ?? 0) > (this.#ends.get(one) ?? 0) ? other : one;
  }

  /** Runs a command to its end. */
  async run(process: Process, command: Command, tag = 'new'): Promise<Ended> {
    const work = this.start(process, command, tag);
    const ended = await this.finish(work);
    if (ended.is === 'result') this.endedAt = this.world.timeline.now;
    this.world.note(`${process.name} ended: ${endedText(ended)}`);
    return ended;
  }

  /** Drives time until all of it is over. A run that does not end is a broken promise, and counts as killed. */
  async finish(work: Promise<Ended>): Promise<Ended> {
    let over: Ended | undefined;
    void work.then((ended) => {
      over = ended;
    });
    try {
      await this.world.timeline.drive(() => over !== undefined, longest);
    } catch (error) {
      if (!(error instanceof Stuck)) throw error;
      this.auditor.violated('L3', error.message);
    }
    return over ?? { is: 'killed', exit: undefined };
  }

  /** Lets time pass with no process. */
  async rest(duration: Ms): Promise<void> {
    let over = false;
    this.world.timeline.after(duration, () => {
      over = true;
    });
    await this.world.timeline.drive(() => over, duration + 1);
  }

  /** The digests of a service to which requests may go, now. @param counts whose targets count */
  serving(service: string, counts: (host: Host | undefined) => boolean = () => true): readonly string[] {
    const found = new Set<string>();
    for (const group of this.world.balancer.groups.values()) {
      if (group.service !== service) continue;
      for (const target of this.world.balancer.receivers(group)) {
        const host = this.world.hosts.get(target.instance);
        if (counts(host)) found.add(host?.on(group.port)?.digest ?? 'nothing');
      }
    }
    return [...found].sort();
  }

  /** As `serving`, but for what the fleet did not have at the end, which no rollout reaches: the auditor says where it must have said so (I18). */
  reached(service: string, endedAt = this.endedAt): readonly string[] {
    return this.serving(service, (host) => host?.wasAway(endedAt - unnoticed, endedAt) !== true);
  }

  /** Holds what a command said, and what it stored, against the world. For when the world has come to rest. */
  truth(ended: Ended): void {
    if (ended.is !== 'result') return;
    const { outcome, exitCode, serving } = ended.result;
    this.endedAt = this.#ends.get(ended) ?? this.endedAt;
    if (outcome !== 'succeeded' && outcome !== 'rolled-back') return;
    const newest = this.outcome();
    const stored = this.#outcomes().find(({ rollout }) => rollout === ended.result.rollout) ?? newest;
    // What somebody else has done to it since says nothing of what was stored.
    if (this.isOutcomeLost()) return;
    if (stored?.outcome !== outcome || stored.serving !== serving) {
      const seen = stored === undefined ? 'nothing' : `${stored.outcome} ${String(stored.serving)}`;
      this.auditor.violated(
        'I11',
        `exit ${String(exitCode)}: ${outcome} ${String(serving)}, and the record says ${seen}`,
      );
      return;
    }
    // A later rollout may have stored its outcome and died before it could report it.
    if (newest !== undefined && stored?.generation !== newest.generation)
      this.endedAt = this.auditor.storedAt.get(newest.generation) ?? this.endedAt;
    this.recordTruth();
  }

  /** Holds the newest outcome against the world. */
  recordTruth(): void {
    const stored = this.outcome();
    if ((stored?.outcome !== 'succeeded' && stored?.outcome !== 'rolled-back') || this.isOutcomeLost()) return;
    // Its process may have emptied the idle color after it had stored how it ended.
    const storedAt = Math.min(this.endedAt, this.auditor.storedAt.get(stored.generation) ?? Infinity);
    const isOurs = ({ name }: ServiceShape): boolean =>
      (this.auditor.disturbed.get(name) ?? -Infinity) < storedAt - notice &&
      (this.auditor.rescuedAt.get(name) ?? -Infinity) <= storedAt;
    const there = new Map(
      this.world.shape.services.filter(isOurs).map(({ name }) => [name, this.reached(name, storedAt)]),
    );
    for (const [name, digests] of there) {
      // Another hand may divide a service that the rollout does not change, or of which nothing is to be undone; the record then has to name both.
      const named = stored.images[name]?.match(/sha256:[0-9a-f]+/g) ?? [];
      const areNamed = digests.every((digest) => named.some((short) => digest.startsWith(short)));
      if (digests.length > 1 && !this.auditor.isDivided(name) && !areNamed)
        this.auditor.violated('I7', `${name} serves ${digests.join(' and ')}`);
    }
    for (const [name, image] of Object.entries(stored.images)) {
      const said = image.match(/sha256:[0-9a-f]+/g) ?? [image];
      const digests = there.get(name);
      if (digests === undefined) continue;
      // It was observed at the end, and may be well again since.
      if (image === UNSERVED || image === UNROUTED || image === UNKNOWN) continue;
      const isSaid = (digest: string): boolean => said.some((short) => digest.startsWith(short));
      const isThere = (digest: string): boolean => digest !== 'nothing';
      const serves = (short: string): boolean => digests.some((digest) => digest.startsWith(short));
      // Where nothing serves at all, or a part of it no more, the world took it afterwards: what an end reports was healthy then (I15).
      const isTaken = this.auditor.lostAt > storedAt;
      // A part that is reported as unknown may be anything.
      const isAllSaid = image.split(', ').includes(UNKNOWN) || digests.filter(isThere).every(isSaid);
      const isRight = isAllSaid && (isTaken || (said.every(serves) && digests.every(isThere)));
      if (digests.length > 0 && !isRight)
        this.auditor.violated(
          'I11',
          `${stored.outcome}: ${name} is said to serve ${image}, and serves ${digests.join(', ')}`,
        );
    }
  }

  /** The newest outcome that is stored. */
  outcome(): z.infer<typeof outcomeShape> | undefined {
    return this.#outcomes()[0];
  }

  /** All stored outcomes except damaged ones, newest first. */
  #outcomes(): readonly z.infer<typeof outcomeShape>[] {
    const all = [...this.world.store.values].filter(([name]) => name.includes('/outcomes/'));
    const parsed = all.flatMap(([name, value]) =>
      this.auditor.damages.has(name) && !value.endsWith('}') ? [] : [outcomeShape.parse(JSON.parse(value))],
    );
    return parsed.sort((a, b) => b.generation - a.generation);
  }

  /** Whether somebody has deleted or damaged an outcome since the last command stored its own, or ended. */
  isOutcomeLost(): boolean {
    const stored = Math.max(-Infinity, ...this.auditor.storedAt.values());
    const since = Math.min(this.endedAt, stored);
    return [...this.auditor.damages].some(([name, at]) => name.includes('/outcomes/') && at >= since);
  }

  /** What an end is compared by: weights, what runs and what is registered, slot by slot. */
  signature(): string {
    const lines: string[] = [];
    for (const { arn, weights } of this.world.balancer.routes.values())
      lines.push(
        `${arn} ${[...weights]
          .filter(([, weight]) => weight > 0)
          .map(([group, weight]) => `${group}=${String(weight)}`)
          .join(' ')}`,
      );
    for (const group of this.world.balancer.groups.values()) {
      for (const host of this.world.hosts.values()) {
        if (!host.alive || (host.color !== undefined && host.color !== group.color)) continue;
        const state = group.targets.get(`${host.id}:${group.port}`)?.state ?? 'gone';
        const box = host.boxes.find((each) => each.port === group.port && isUp(each));
        if (state !== 'gone' || box !== undefined)
          lines.push(`${host.id} ${group.service} ${group.color} ${box?.digest.slice(7, 9) ?? '--'} ${state}`);
      }
    }
    return lines.sort().join('\n');
  }
}

/** What the command line makes an exit code of: our errors, and AWS's refusal of who asks (src/base-command.ts). Anything else is a bug. */
function refusalIn(error: unknown): DeployctlError | undefined {
  if (error instanceof DeployctlError) return error;
  if (!(error instanceof PortError) || !['expired-credentials', 'access-denied'].includes(error.kind)) return undefined;
  return new DeployctlError({ code: `aws.${error.kind}`, message: error.message, exitCode: EXIT.inProgress });
}

function endedText(ended: Ended): string {
  if (ended.is === 'killed') return 'killed';
  if (ended.is === 'refused')
    return `exit ${String(ended.exit)}: ${ended.error.code}: ${ended.error.message.split('\n').join(' ')}`;
  return `exit ${String(ended.exit)}: ${ended.result.outcome}: ${ended.result.reason}`;
}

async function operate(
  box: Toolbox,
  command: Command,
  scenario: Scenario,
  tag: string,
  lockWait: Ms,
): Promise<OperationResult> {
  const confirm = (): Promise<boolean> => Promise.resolve(true);
  switch (command) {
    case 'rollout': {
      const images = new Map(changed(scenario).map((name) => [name, { repository: `shop/${name}`, tag }]));
      return rollout(box, { images, options: {}, lockWait, confirm });
    }
    case 'resume':
      return resume(box, { lockWait });
    case 'rollback':
      return rollback(box, { lockWait, force: false, confirm });
    default:
      return rollback(box, { to: command.slice('rollback --to '.length), lockWait, force: false, confirm });
  }
}
