import { describe, expect, it, vi } from 'vitest';
import { PortError } from '../../src/domain/errors.js';
import type { EventBody } from '../../src/domain/event.js';
import type { Plan } from '../../src/domain/plan.js';
import type { RolloutRecord } from '../../src/domain/record.js';
import { HostBook } from '../../src/engine/book.js';
import { UnsendableRequest } from '../../src/engine/host-port.js';
import type { LoopResult, PreTraffic } from '../../src/engine/loop-deps.js';
import { Loop } from '../../src/engine/loop.js';
import { Observer } from '../../src/engine/observer.js';
import { scopeOf } from '../../src/engine/scope.js';
import type { Steer } from '../../src/domain/observation.js';
import { blueGreenHow, instanceOf, planOf, rollingHow, servicePlan, START, timing } from '../_helpers/plan.js';
import { World } from '../strategies/world.js';
import type { Fate } from '../strategies/world.js';

interface Run {
  readonly result: LoopResult;
  readonly world: World;
  readonly events: readonly EventBody[];
  readonly records: readonly RolloutRecord[];
  /** Of the fences at the end. */
  readonly epoch: number;
}

interface Options {
  readonly plan: Plan;
  /** By which the world is laid out; absent: the plan. */
  readonly laidOut?: Plan;
  readonly fate?: Fate;
  readonly size?: number;
  readonly steer?: (world: World) => readonly Steer[];
  readonly arrange?: (world: World, stop: AbortController, lost: AbortController) => void;
  readonly leaseHolds?: () => boolean;
  readonly preTraffic?: (world: World) => PreTraffic;
  /** While a record is on its way to the store. */
  readonly storing?: (world: World, record: RolloutRecord) => void;
}

async function run({
  plan,
  laidOut = plan,
  fate = 'good',
  size = 3,
  steer,
  arrange,
  leaseHolds = () => true,
  preTraffic,
  storing,
}: Options): Promise<Run> {
  const fleet = Array.from({ length: size }, (_, index) => instanceOf(index + 1));
  const world = new World({ seed: 1, plan: laidOut, fleet, fate, adopted: false, loss: 0, flaky: 0 });
  const { clock, traffic } = world;
  const [stop, lost] = [new AbortController(), new AbortController()];
  arrange?.(world, stop, lost);
  const events: EventBody[] = [];
  const records: RolloutRecord[] = [];
  const emit = (event: EventBody): void => void events.push(event);
  let [epoch, send] = [0, 0];
  const book = new HostBook({
    hosts: world.hosts,
    clock,
    emit,
    nameOf: (id) => id,
    nextFence: () => [1, epoch, send++],
  });
  const steering = (): Promise<readonly Steer[]> => Promise.resolve(steer?.(world) ?? []);
  const observer = new Observer({ fleet: world.fleet, traffic, clock, book, steering }, scopeOf(plan));
  const loop = new Loop(
    {
      clock,
      traffic,
      book,
      observer,
      gates: { watch: () => ({ probes: [], commands: [] }), close: () => Promise.resolve() },
      records: {
        write: (record) => {
          records.push(record);
          storing?.(world, record);
          world.log.push(`record ${JSON.stringify(record.weightsIntended ?? {})} ${record.aim.to}`);
          return Promise.resolve();
        },
      },
      lease: { generation: 1, ttl: 30_000, isValid: leaseHolds, trouble: 'slow down', lost: lost.signal },
      emit,
      ...(preTraffic === undefined ? {} : { preTraffic: () => preTraffic(world) }),
      changeLimit: 10_000,
      onEpoch: (next) => {
        epoch = next;
        world.plan = { ...world.plan, aim: { to: 'old', epoch, because: '' } };
      },
    },
    plan,
    recordOf(plan),
  );
  const result = await loop.run(stop.signal);
  return { result, world, events, records, epoch };
}

function recordOf(plan: Plan): RolloutRecord {
  return {
    schema: 1,
    id: plan.rollout,
    kind: plan.kind,
    generation: 1,
    by: 'test',
    startedAt: START,
    deadline: plan.deadline,
    from: plan.from.id,
    to: plan.to.id,
    how: plan.how,
    aim: plan.aim,
    live: {},
    weightsBefore: {},
    stickinessBefore: {},
    excluded: [],
    phase: '',
    notified: [],
  };
}

const notes = (events: readonly EventBody[]): readonly string[] =>
  events.flatMap((event) => (event.type === 'note' ? [event.text] : []));
const kinds = (events: readonly EventBody[]): ReadonlySet<string> => new Set(events.map(({ type }) => type));

describe.each([
  ['rolling', planOf(rollingHow)],
  ['blue-green', planOf(blueGreenHow)],
] as const)('%s', (_, plan) => {
  it('ends with the new release, every promise kept', async () => {
    const { result, world, events } = await run({ plan });
    expect(result.outcome, result.reason).toBe('succeeded');
    expect(world.serving(servicePlan('backend'))).toEqual(['r-new']);
    expect(world.violations).toEqual([]);
    expect(kinds(events)).not.toContain('rollback.started');
  });

  it('goes back from a bad one under a higher epoch, with its evidence', async () => {
    const { result, world, records, epoch } = await run({ plan, fate: 'never-healthy' });
    expect(epoch).toBe(1);
    expect(result).toMatchObject({ outcome: 'rolled-back', failure: { code: 'unhealthy', release: 'r-new' } });
    expect(result.plan.aim).toMatchObject({ to: 'old', epoch: 1 });
    expect(records.at(-1)?.aim.to).toBe('old');
    expect(world.serving(servicePlan('backend'))).toEqual(['r-old']);
    expect(world.violations).toEqual([]);
  });

  it('goes back when someone asks to', async () => {
    const steer = (world: World): readonly Steer[] =>
      world.now < START + 100_000 ? [] : [{ id: 's1', is: 'abort', by: 'anna', at: world.now, reason: 'wrong day' }];
    const { result, world } = await run({ plan, steer });
    expect(result).toMatchObject({ outcome: 'rolled-back', reason: 'anna asked to abort: wrong day' });
    expect(world.serving(servicePlan('backend'))).toEqual(['r-old']);
  });

  it('goes back from a release that cannot be sent to the instances, with the reason, and no task is unknown', async () => {
    const flaw = new UnsendableRequest('env PATH: its value has a line break', { tooLarge: false });
    const task = { command: ['migrate'], timeout: 1000 };
    const [service = servicePlan('backend')] = plan.services;
    const withTask = { ...service, to: { ...service.to, spec: { ...service.to.spec, task } } };
    for (const phase of ['pull', 'task', 'start'] as const) {
      const { result, world, records } = await run({
        plan: { ...plan, services: [withTask] },
        arrange: (w) => {
          const send = w.hosts.send.bind(w.hosts);
          vi.spyOn(w.hosts, 'send').mockImplementation((command, signal) =>
            command.request.phase === phase &&
            (phase !== 'start' || ('release' in command.request && command.request.release === 'r-new'))
              ? Promise.reject(flaw)
              : send(command, signal),
          );
        },
      });
      expect(result.outcome, `${phase}: ${result.reason}`).toBe('rolled-back');
      expect(result.reason, phase).toContain('env PATH: its value has a line break');
      if (phase !== 'pull') expect(records.at(-1)?.tasks, phase).not.toMatchObject({ backend: 'unknown' });
      expect(world.serving(servicePlan('backend'))).toEqual(['r-old']);
      expect(world.violations).toEqual([]);
    }
  });

  it('a task that was not sent after all leaves no intent in the record', async () => {
    const task = { command: ['migrate'], timeout: 1000 };
    const [service = servicePlan('backend')] = plan.services;
    const withTask = { ...service, to: { ...service.to, spec: { ...service.to.spec, task } } };
    const busy = new PortError({ kind: 'throttled', operation: 'ssm:SendCommand', message: 'Rate exceeded' });
    let refusals = 0;
    const { result, records } = await run({
      plan: { ...plan, services: [withTask] },
      arrange: (w) => {
        const send = w.hosts.send.bind(w.hosts);
        vi.spyOn(w.hosts, 'send').mockImplementation((command, signal) =>
          command.request.phase === 'task' && (refusals += 1) <= 2 ? Promise.reject(busy) : send(command, signal),
        );
      },
    });
    expect(result.outcome, result.reason).toBe('succeeded');
    const intents = records.map(({ tasks }) => tasks?.['backend'] ?? '-').join(' ');
    expect(intents).toMatch(/^(- )*(intended )+(- )+(intended )+(- )+(intended ?)+/);
  });

  it('an error ends it only after the other changes that were sent with it have ended', async () => {
    const denied = new PortError({ kind: 'access-denied', operation: 'ssm:SendCommand', message: 'not authorized' });
    let [sent, open] = [0, 0];
    const ended = run({
      plan: planOf(blueGreenHow),
      arrange: (w) => {
        const send = w.hosts.send.bind(w.hosts);
        vi.spyOn(w.hosts, 'send').mockImplementation(async (command, signal) => {
          if (command.request.phase !== 'start') return send(command, signal);
          sent += 1;
          if (sent === 1) throw denied;
          open += 1;
          // After everything that follows from the refusal alone.
          await new Promise(setImmediate);
          open -= 1;
          return send(command, signal);
        });
      },
    });
    await expect(ended).rejects.toThrow('was refused in the middle of the rollout');
    expect([sent, open]).toEqual([3, 0]);
  });

  it('changes nothing on what it saw before it stood still in the middle of a look', async () => {
    for (let at = 2; at < 40; at += 1) {
      const log: string[] = [];
      await run({
        plan,
        arrange: ({ traffic, hosts, clock }) => {
          const [targets, register] = [traffic.targets.bind(traffic), traffic.register.bind(traffic)];
          const [write, send] = [traffic.setWeights.bind(traffic), hosts.send.bind(hosts)];
          vi.spyOn(traffic, 'register').mockImplementation((...args) => (log.push('change'), register(...args)));
          vi.spyOn(traffic, 'setWeights').mockImplementation((...args) => (log.push('change'), write(...args)));
          vi.spyOn(hosts, 'send').mockImplementation((...args) => (log.push('change'), send(...args)));
          let looks = 0;
          vi.spyOn(traffic, 'targets').mockImplementation(async (...args) => {
            log.push('look');
            looks += 1;
            if (looks !== at) return targets(...args);
            await clock.sleep(60_000);
            log.push('stood still');
            return targets(...args);
          });
        },
      });
      const after = log.slice(log.indexOf('stood still') + 1);
      expect(after.find((each) => each !== 'stood still')).toBe('look');
    }
  });

  it('an interrupt ends it at once, with nothing sent afterwards', async () => {
    let at = Infinity;
    const { result, world } = await run({
      plan,
      arrange: (w, stop) => {
        w.after(50_000, () => {
          at = w.changes;
          stop.abort(new Error('SIGTERM'));
        });
      },
    });
    expect(result).toMatchObject({ outcome: 'interrupted', reason: expect.stringMatching(/^SIGTERM/) as string });
    expect(world.changes).toBe(at);
  });

  it('asks for the answers of instances between two looks at the world', async () => {
    const asked: string[] = [];
    const { result } = await run({
      plan,
      arrange: (w) => {
        const { hosts, traffic } = w;
        const [poll, targets] = [hosts.poll.bind(hosts), traffic.targets.bind(traffic)];
        vi.spyOn(hosts, 'poll').mockImplementation((...args) => (asked.push('answers'), poll(...args)));
        vi.spyOn(traffic, 'targets').mockImplementation((...args) => (asked.push('world'), targets(...args)));
      },
    });
    expect(result.outcome).toBe('succeeded');
    expect(asked.join(' ')).toContain('answers answers');
  });

  it('looks at the world twice as often while a target waits for its first health check', async () => {
    const looks: { readonly at: number; readonly initial: boolean }[] = [];
    const plan = planOf(rollingHow);
    await run({
      plan,
      arrange: (world) => {
        const read = world.traffic.targets;
        vi.spyOn(world.traffic, 'targets').mockImplementation(async (...args) => {
          const targets = await read(...args);
          const initial = [...targets.values()].some(({ state }) => state === 'initial');
          if (args[0] === 'arn:tg/backend-blue') looks.push({ at: world.clock.now(), initial });
          return targets;
        });
      },
    });
    const afterInitial = looks.flatMap(({ at, initial }, index) => {
      const next = looks[index + 1];
      return initial && next?.initial === true ? [next.at - at] : [];
    });
    expect(afterInitial.length).toBeGreaterThan(0);
    expect(Math.max(...afterInitial)).toBeLessThanOrEqual(plan.timing.poll / 2 + 250);
  });

  it('moves no traffic before the condition has passed, and goes back when it fails', async () => {
    let passedAt = 0;
    const later = await run({
      plan,
      preTraffic: (world) => {
        if (world.now < START + 200_000) {
          expect(world.serving(servicePlan('backend'))).toEqual(['r-old']);
          return { is: 'running' };
        }
        passedAt ||= world.now;
        return { is: 'passed' };
      },
    });
    expect(later.result.outcome, later.result.reason).toBe('succeeded');
    expect(passedAt).toBeGreaterThanOrEqual(START + 200_000);
    const never = await run({ plan, preTraffic: () => ({ is: 'failed', why: './smoke.sh: exit 1' }) });
    expect(never.result).toMatchObject({
      outcome: 'rolled-back',
      reason: 'the hook pre-traffic failed: ./smoke.sh: exit 1',
    });
    expect(never.world.log.filter((line) => /weights arn:.*\/[1-9]\d*$|deregister.*blue/.test(line))).toEqual([]);
    expect(never.world.serving(servicePlan('backend'))).toEqual(['r-old']);
  });

  it('a lost lease interrupts it, and nothing more may be written', async () => {
    const { result } = await run({
      plan,
      arrange: (w, _stop, lease) => {
        w.after(50_000, () => {
          lease.abort(new Error('the lease is lost'));
        });
      },
    });
    expect(result).toMatchObject({ outcome: 'interrupted', leaseLost: true });
    expect(result.reason).toMatch(/^the lease is lost/);
  });

  it('changes nothing while the lease may end', async () => {
    let holds = false;
    const { result, world, events } = await run({
      plan,
      leaseHolds: () => holds,
      arrange: (w) => {
        w.after(30_000, () => {
          expect(w.changes).toBe(0);
          holds = true;
        });
      },
    });
    expect(result.outcome).toBe('succeeded');
    expect(world.changes).toBeGreaterThan(0);
    expect(notes(events)).toEqual([
      'the lease is not renewed in time for another change (slow down): nothing is changed until it is',
      expect.stringMatching(/^the lease is renewed, and changes go on, after \d+ s$/),
    ]);
    const waits = events.flatMap((event) => (event.type === 'view' ? event.view.waits : []));
    expect(waits[0]?.what).toBe('the lease is renewed; nothing is changed meanwhile');
    expect(events.filter((event) => event.type === 'view').at(-1)?.view.waits).toEqual([]);
  });
});

describe('the record', () => {
  it('has the intent before each weight write', async () => {
    const { world } = await run({ plan: planOf(blueGreenHow), size: 1 });
    const lines = world.log;
    const writes = lines.flatMap((line, index) => (line.includes('weights arn:') ? [index] : []));
    expect(writes.length).toBe(4);
    for (const index of writes) {
      const percent = /\/(\d+)$/.exec(lines[index] ?? '')?.[1] ?? '';
      expect(lines[index - 1]).toContain(`"arn:tg/backend-green","weight":${percent}}`);
    }
  });

  it('that took long to store has its change decided anew', async () => {
    const intends = (line: string): boolean => line.startsWith('record') && line.includes('"weight":10}');
    const intentions = async (takes: number): Promise<number> => {
      let first = true;
      const { world, result } = await run({
        plan: planOf(blueGreenHow),
        size: 1,
        storing: (w, { weightsIntended }) => {
          if (!first || !JSON.stringify(weightsIntended ?? {}).includes('"weight":10}')) return;
          first = false;
          w.advance(takes);
        },
      });
      expect(result.outcome).toBe('succeeded');
      const write = world.log.findIndex((line) => line.includes('weights arn:') && line.endsWith('/10'));
      return world.log.slice(0, write).filter(intends).length;
    };
    expect(await intentions(500)).toBe(1);
    expect(await intentions(20_000)).toBe(2);
  });

  it('rollback: manual holds instead of going back by itself', async () => {
    const base = servicePlan('backend');
    const services = [{ ...base, to: { ...base.to, spec: { ...base.to.spec, rollback: 'manual' as const } } }];
    const { result, events } = await run({ plan: planOf(rollingHow, { services }), fate: 'never-healthy' });
    expect(result.outcome).toBe('held');
    expect(kinds(events)).not.toContain('rollback.started');
  });
});

describe('a read that fails', () => {
  it('again and again is told once, and once when it is over; no instance moves by it', async () => {
    let failed = 0;
    const { result, events } = await run({
      plan: planOf(rollingHow),
      arrange: (w) => {
        const read = w.traffic.targets.bind(w.traffic);
        w.traffic.targets = (group, signal) => {
          const broken = w.now < START + 60_000 && Math.floor((w.now - START) / 4000) % 2 === 0;
          if (!broken) return read(group, signal);
          failed += 1;
          return Promise.reject(new PortError({ kind: 'throttled', operation: 'elbv2:X', message: 'elbv2:X: slow' }));
        };
      },
    });
    expect(result.outcome).toBe('succeeded');
    expect(failed).toBeGreaterThan(5);
    expect(notes(events)).toEqual([
      expect.stringMatching(
        /^the health of backend (blue|green).* cannot be read: elbv2:X: slow\. Until then nothing is concluded from it, and what depends on it waits$/,
      ),
      expect.stringMatching(/^everything can be read again, after \d+ s$/),
    ]);
    expect(events.filter((event) => event.type === 'instance.moved' && event.line.place === 'unknown')).toEqual([]);
  });
});

describe('a hold', () => {
  it('ends after its time as held', async () => {
    const how = { ...rollingHow, minimumHealthy: { is: 'count', value: 3 } } as const;
    const { result, world } = await run({ plan: planOf(how) });
    expect(result).toMatchObject({
      outcome: 'held',
      reason: expect.stringContaining('no instance can be spared') as string,
    });
    expect(world.now - START).toBeLessThan(timing.hold + 120_000);
  });

  it('of a way back ends as failed, with what it was to undo and what keeps it', async () => {
    const how = { ...rollingHow, minimumHealthy: { is: 'count', value: 3 } } as const;
    const rollback = await run({ plan: planOf(how, { kind: 'rollback' }) });
    expect(rollback.result).toMatchObject({
      outcome: 'failed',
      reason: expect.stringContaining('no instance can be spared') as string,
    });

    const base = servicePlan('backend');
    const rolledOut = planOf(how, { services: [{ ...base, from: base.to, to: base.from }] });
    const plan = planOf(how, { aim: { to: 'old', epoch: 1, because: 'web-1 answers 500' } });
    const back = await run({ plan, laidOut: rolledOut });
    expect(back.result.outcome).toBe('failed');
    expect(back.result.reason).toMatch(/^web-1 answers 500; cannot go back: .*no instance can be spared/);
  });
});

describe('a change that comes to nothing', () => {
  const refusal = (): Promise<never> =>
    Promise.reject(
      new PortError({
        kind: 'invalid',
        operation: 'elbv2:ModifyRule',
        message: 'elbv2:ModifyRule: TargetGroupAssociationLimit',
      }),
    );

  it('weights that AWS refuses for good end the step at once, and what was begun is taken back', async () => {
    let writes = 0;
    const { result, world } = await run({
      plan: planOf(blueGreenHow),
      arrange: ({ traffic }) => {
        const write = traffic.setWeights.bind(traffic);
        vi.spyOn(traffic, 'setWeights').mockImplementation((change, signal) => {
          const shifts = change.set.some(({ group, weight }) => group === 'arn:tg/backend-green' && weight > 0);
          if (!shifts) return write(change, signal);
          writes += 1;
          return refusal();
        });
      },
    });
    expect(result).toMatchObject({
      outcome: 'rolled-back',
      reason: expect.stringContaining('cannot be written: elbv2:ModifyRule: TargetGroupAssociationLimit') as string,
    });
    expect(writes).toBe(1);
    expect(world.serving(servicePlan('backend'))).toEqual(['r-old']);
  });

  it('weights that are accepted and stay as they were are given up after three times', async () => {
    let writes = 0;
    const { result } = await run({
      plan: planOf(blueGreenHow),
      arrange: ({ traffic }) => {
        const [write, read] = [traffic.setWeights.bind(traffic), traffic.routes.bind(traffic)];
        vi.spyOn(traffic, 'setWeights').mockImplementation(async (change, signal) => {
          const shifts = change.set.some(({ group, weight }) => group === 'arn:tg/backend-green' && weight > 0);
          if (!shifts) return write(change, signal);
          writes += 1;
          const view = (await read([change.route], [])).get(change.route);
          if (view === undefined) throw new Error('no such route');
          return view;
        });
      },
    });
    expect(result).toMatchObject({
      outcome: 'rolled-back',
      reason: expect.stringContaining('was accepted 3 times and changed nothing') as string,
    });
    expect(writes).toBe(3);
  });

  it('what would end an outage is tried again, however often it changed nothing', async () => {
    let tries = 0;
    const { result, world } = await run({
      plan: planOf(rollingHow),
      arrange: (w) => {
        const { traffic } = w;
        w.after(1000, () => w.setWeightsByHand('arn:rule/backend', [0, 100]));
        const [write, read] = [traffic.setWeights.bind(traffic), traffic.routes.bind(traffic)];
        vi.spyOn(traffic, 'setWeights').mockImplementation(async (change, signal) => {
          tries += 1;
          // The load balancer does nothing for a while.
          if (tries > 4) return write(change, signal);
          const view = (await read([change.route], [])).get(change.route);
          if (view === undefined) throw new Error('no such route');
          return view;
        });
      },
    });
    expect(tries).toBe(5);
    expect(world.weights('arn:rule/backend')).toEqual([100, 0]);
    expect(result.outcome, result.reason).toBe('succeeded');
  });

  it.each([
    ['is tried once more before the end', 3, []],
    [
      'is named at the end where that changes nothing either',
      Infinity,
      ['arn:rule/backend: its group stickiness could not be put back; before it was on'],
    ],
  ])('a stickiness that could not be put back %s', async (_, idle, left) => {
    let returns = 0;
    const { result } = await run({
      plan: planOf(rollingHow, { stickinessBefore: new Map([['arn:rule/backend', { enabled: true }]]) }),
      arrange: ({ traffic }) => {
        const [write, read] = [traffic.setWeights.bind(traffic), traffic.routes.bind(traffic)];
        vi.spyOn(traffic, 'setWeights').mockImplementation(async (change, signal) => {
          returns += 1;
          // The load balancer does nothing for a while.
          if (returns > idle) return write(change, signal);
          const view = (await read([change.route], [])).get(change.route);
          if (view === undefined) throw new Error('no such route');
          return view;
        });
      },
    });
    expect(result.outcome, result.reason).toBe('succeeded');
    expect(returns).toBe(idle === 3 ? 4 : 6);
    expect(result.left).toEqual(left);
  });

  it('does not end on a reading of a route that may be from before its last write', async () => {
    const readings: ('older' | 'newer')[] = [];
    const { result } = await run({
      plan: planOf(rollingHow, { stickinessBefore: new Map([['arn:rule/backend', { enabled: true }]]) }),
      steer: (world) => (world.now < START + 20_000 ? [] : [{ id: 's1', is: 'abort', by: 'anna', at: world.now }]),
      arrange: ({ traffic }) => {
        const [write, read] = [traffic.setWeights.bind(traffic), traffic.routes.bind(traffic)];
        let older = 0;
        vi.spyOn(traffic, 'setWeights').mockImplementation((change, signal) => {
          [older, readings.length] = [4, 0];
          return write(change, signal);
        });
        vi.spyOn(traffic, 'routes').mockImplementation(async (...args) => {
          const views = await read(...args);
          readings.push(older > 0 ? 'older' : 'newer');
          if (older === 0) return views;
          older -= 1;
          return new Map([...views].map(([arn, view]) => [arn, { ...view, frame: 'of another reading' }]));
        });
      },
    });
    expect(result.outcome, result.reason).toBe('rolled-back');
    expect(readings).toContain('older');
    expect(readings.at(-1)).toBe('newer');
  });

  it('a registration that never comes to be is a failure of that instance', async () => {
    const { result, world } = await run({
      plan: planOf(rollingHow),
      arrange: ({ traffic, log }) => {
        vi.spyOn(traffic, 'register').mockImplementation(() => {
          log.push('register without an effect');
          return Promise.resolve();
        });
      },
    });
    expect(result.outcome).toBe('failed');
    expect(result.reason).toContain('was accepted 3 times and changed nothing');
    expect(world.log.filter((line) => line.startsWith('register without'))).toHaveLength(6);
  });
});

it('an outage is reported when it begins and when it is over', async () => {
  const { result, events } = await run({
    plan: planOf(blueGreenHow),
    arrange: (world) => {
      // Somebody gives the standby color all of it while nothing runs there.
      world.after(1000, () => world.setWeightsByHand('arn:rule/backend', [0, 100]));
    },
  });
  const outages = events.filter(({ type }) => type.startsWith('outage'));
  expect(outages).toMatchObject([
    { type: 'outage.started', service: 'backend', color: 'green', percent: 100, movesTo: 'blue' },
    { type: 'outage.ended', service: 'backend', color: 'green' },
  ]);
  expect(result.outcome, result.reason).toBe('succeeded');
});
