import { describe, expect, it } from 'vitest';
import type { Ended } from './play.js';
import { Play } from './play.js';
import type { Scenario } from './scenario.js';
import type { Host } from './world/docker.js';
import { digestOf, instanceId, zoneOf } from './world/shape.js';
import { retire } from '../../src/operations/retire.js';
import { status } from '../../src/operations/status.js';
import { rollback } from '../../src/operations/rollback.js';
import { plan } from '../../src/operations/rollout.js';
import { resume } from '../../src/operations/resume.js';
import type { Toolbox } from '../../src/operations/toolbox.js';
import { toolboxOf } from './ports.js';
import { settingsOf } from './scenario.js';
import { ways } from './scenarios.js';

/*
 * Parameters of the environment that somebody deletes, or an older copy of them that somebody restores: with the auditor looking on, rollout, rollback,
 * resume and retire work on.
 */

const base = { change: 'both', fleet: 2, fate: 'good', before: 'released', seed: 4 } as const;
const rolling: Scenario = { ...base, strategy: 'rolling', layout: 'ports' };
const blueGreen: Scenario = { ...base, strategy: 'blue-green', layout: 'ports' };

/** Somebody deletes what the pattern fits, of this environment's parameters or of the claims. */
function forget({ world }: Play, pattern: RegExp): number {
  const names = [...world.store.values.keys()].filter((name) => pattern.test(name));
  world.store.remove(names);
  world.note(`somebody deletes ${String(names.length)} parameters: ${String(pattern)}`);
  return names.length;
}

/** What each running container runs. */
const digestsIn = ({ world }: Play): readonly string[] =>
  [...world.hosts.values()].flatMap(({ id, boxes }) =>
    boxes
      .filter(({ status }) => status === 'running')
      .map(({ service, color, digest }) => `${id} ${service} ${color} ${digest}`),
  );

/** Whether an instance runs the new release of backend. */
const runsNew = ({ boxes }: Host): boolean =>
  boxes.some((box) => box.status === 'running' && box.digest === digestOf('backend', 'new'));

/** An operation of its own process, with what it told. */
async function does<T>(
  play: Play,
  act: (box: Toolbox) => Promise<T>,
): Promise<{ readonly value: T; readonly told: readonly string[] }> {
  const told: string[] = [];
  const box = toolboxOf(play.process(), settingsOf(play.scenario));
  const emit: Toolbox['emit'] = (event) => {
    if (event.type === 'note') told.push(event.text);
    box.emit(event);
  };
  let over = false;
  const work = act({ ...box, emit }).finally(() => (over = true));
  work.catch(() => undefined); // awaited below
  await play.world.timeline.drive(() => over, 5_400_000);
  return { value: await work, told };
}

const exitOf = (ended: Ended): unknown => (ended.is === 'refused' ? ended.error.message : ended.exit);
const serves = (play: Play, tag: string): void => {
  for (const name of ['backend', 'frontend']) expect(play.serving(name), name).toEqual([digestOf(name, tag)]);
};
const yes = { force: false, confirm: () => Promise.resolve(true) };

/** A world in which `new` was rolled out, and `old` before it. */
async function rolledOut(scenario: Scenario): Promise<Play> {
  const play = await Play.begin(scenario);
  expect(exitOf(await play.run(play.process(), 'rollout'))).toBe(0);
  await play.rest(30_000);
  return play;
}

async function ends(play: Play): Promise<void> {
  await play.rest(30_000);
  play.recordTruth();
  expect(play.auditor.violations, play.world.trace.slice(-60).join('\n')).toEqual([]);
}

describe('parameters that were deleted', () => {
  it.each(ways)('all of them, between two rollouts: $strategy on $layout', async (way) => {
    const play = await rolledOut({ ...base, ...way });
    expect(forget(play, /^\/deployctl\//)).toBeGreaterThan(5);
    const { value: seen } = await does(play, (box) => plan(box, { images: new Map(), options: {} }));
    expect(seen.findings.map(({ level, text }) => `${level} ${text}`).join('\n')).toMatch(
      /^warn Parameter Store has lost .*\/deployctl\/shop\/sim \(web-\S+ \(i-\d+\) followed generation \d+, and the highest that is stored is 0\): leases; the history.*; the records.*; release r-\S+, which backend runs.*; the claims/m,
    );
    const { value } = await does(play, (box) => status(box));
    expect(value.problems.join('\n')).toContain('Parameter Store has lost');
    expect(exitOf(await play.run(play.process(), 'rollout', 'newer'))).toBe(0);
    await play.rest(30_000);
    serves(play, 'newer');
    // From then on everything is as it was: a plain rollback knows where to.
    expect(exitOf(await play.run(play.process(), 'rollback'))).toBe(0);
    await play.rest(30_000);
    serves(play, 'new');
    await ends(play);
  });

  it('a plain rollback goes to what is warm on standby, by weights', async () => {
    const play = await rolledOut(blueGreen);
    forget(play, /^\/deployctl\//);
    const { value, told } = await does(play, (box) => rollback(box, yes));
    expect([value.outcome, value.strategy]).toEqual(['succeeded', 'blue-green']);
    expect(told.join('\n')).toMatch(/The lease is taken anew above generation \d+, after 30 s/);
    await play.rest(30_000);
    serves(play, 'old');
    // It is the release that somebody has rolled back from that runs on standby now: nobody goes there by a second rollback.
    forget(play, /^\/deployctl\//);
    await expect(does(play, (box) => rollback(box, yes))).rejects.toMatchObject({
      code: 'rollback.refused',
      next: [expect.stringContaining('deployctl rollback --env sim --to r-') as string],
    });
    await ends(play);
  });

  it('a rollback by name goes to what is kept, in place', async () => {
    const play = await rolledOut(rolling);
    forget(play, /^\/deployctl\//);
    const refused = does(play, (box) => rollback(box, yes));
    await expect(refused).rejects.toMatchObject({ code: 'rollback.refused' });
    const to = 'r-20261101-120000-0001';
    const { value } = await does(play, (box) => rollback(box, { ...yes, to }));
    expect([value.outcome, value.to]).toEqual(['succeeded', to]);
    serves(play, 'old');
    await ends(play);
  });

  it.each([rolling, blueGreen])(
    'a rollback never takes what an unrecorded rollout has begun for what served before: $strategy',
    async (way) => {
      const ends: string[] = [];
      for (let call = 40; call <= 320; call += 20) {
        const play = await Play.begin(way);
        const killed = await play.run(play.process({ kill: { call, phase: 'after' } }), 'rollout');
        if (killed.is !== 'killed') break;
        await play.rest(60_000);
        forget(play, /\/rollouts\//);
        const before = digestsIn(play);
        const ended = await play.run(play.process(), 'rollback');
        ends.push(ended.is === 'refused' ? ended.error.code : `${String(call)}: ${String(exitOf(ended))}`);
        expect(digestsIn(play), String(call)).toEqual(before);
      }
      expect(ends.length).toBeGreaterThan(5);
      expect(new Set(ends)).toEqual(new Set(['rollback.refused']));
    },
  );

  it('an instance that does not answer may run a new release that cannot be read', async () => {
    let tried = 0;
    for (let call = 60; call <= 320; call += 10) {
      const play = await Play.begin(rolling);
      const killed = await play.run(play.process({ kill: { call, phase: 'after' } }), 'rollout');
      if (killed.is !== 'killed') break;
      await play.rest(60_000);
      const [got, ...others] = [...play.world.hosts.values()].sort((a, b) => Number(runsNew(b)) - Number(runsNew(a)));
      if (got === undefined || !runsNew(got) || others.some(runsNew)) continue;
      tried += 1;
      const [name = ''] = [...play.world.store.values.keys()].filter((each) =>
        /releases\/r-20261124-.*\/backend$/.test(each),
      );
      play.world.store.spoil(name, '{"schema":');
      got.agent = 'offline';
      const ended = await play.run(play.process(), 'rollback');
      const reason = ended.is === 'result' ? ended.result.reason : '';
      expect([ended.exit, reason], String(call)).toEqual([expect.anything(), expect.stringContaining(got.id)]);
      await play.rest(30_000);
      play.truth(ended);
      expect(play.auditor.violations).toEqual([]);
    }
    expect(tried).toBeGreaterThan(1);
  });

  it.each([rolling, blueGreen])(
    'a release that is damaged is stored anew by the rollback to it: $strategy',
    async (way) => {
      const play = await rolledOut(way);
      const name = '/deployctl/shop/sim/releases/r-20261101-120000-0001/frontend';
      play.world.store.spoil(name, '{"schema":');
      const { value, told } = await does(play, (box) => rollback(box, yes));
      expect([value.outcome, value.to]).toEqual(['succeeded', 'r-20261101-120000-0001']);
      expect(told.join('\n')).toContain(`the parameter ${name} cannot be read`);
      const { value: stored } = await does(play, (box) => box.state.getRelease('r-20261101-120000-0001'));
      expect(Object.keys(stored?.services ?? {})).toEqual(['backend', 'frontend']);
      await play.rest(30_000);
      serves(play, 'old');
      await ends(play);
    },
  );

  it('retire empties the standby color', async () => {
    const play = await rolledOut(blueGreen);
    forget(play, /^\/deployctl\//);
    const { value } = await does(play, (box) => retire(box, yes));
    expect(value.outcome).toBe('succeeded');
    serves(play, 'new');
    await ends(play);
  });

  it.each([
    ['the leases', /\/lease\//, /^$/],
    // The records of their rollouts say how they ended.
    ['the outcomes', /\/outcomes\//, /^$/],
    ['the releases', /\/releases\//, /release r-\S+, which backend runs: it is taken from its container/],
    ['the claims', /\/claims\//, /^$/],
    ['the records', /\/rollouts\//, /^$/],
  ])('%s only', async (_, pattern, lost) => {
    for (const scenario of [rolling, blueGreen]) {
      const play = await rolledOut(scenario);
      expect(forget(play, pattern)).toBeGreaterThan(0);
      const { value } = await does(play, (box) => plan(box, { images: new Map(), options: {} }));
      expect(value.findings.map(({ text }) => text).join('\n')).toMatch(lost);
      expect(exitOf(await play.run(play.process(), 'rollout', 'newer'))).toBe(0);
      await play.rest(30_000);
      serves(play, 'newer');
      expect(exitOf(await play.run(play.process(), 'rollback'))).toBe(0);
      await play.rest(30_000);
      serves(play, 'new');
      await ends(play);
    }
  });

  it('an older copy that was restored is gone on from above what the instances have followed', async () => {
    const play = await Play.begin(blueGreen);
    const copy = new Map(play.world.store.values);
    for (const tag of ['new', 'newer']) {
      await play.run(play.process(), 'rollout', tag);
      await play.rest(30_000);
    }
    forget(play, /^\/deployctl\//);
    for (const [name, value] of copy) play.world.store.create(name, value);
    expect(exitOf(await play.run(play.process(), 'rollout', 'new'))).toBe(0);
    await play.rest(30_000);
    serves(play, 'new');
    await ends(play);
  });
});

describe('all parameters, in the middle of a rollout', () => {
  for (const scenario of [rolling, blueGreen]) {
    it.each([8, 20, 31, 44])(
      `${scenario.strategy}: after %i s its process ends, and a resume comes to the same end`,
      async (seconds) => {
        const play = await Play.begin(scenario);
        const running = play.start(play.process(), 'rollout');
        await play.rest(seconds * 1000);
        forget(play, /^\/deployctl\//);
        const ended = await play.finish(running);
        if (ended.exit !== 0) {
          expect(ended).toMatchObject({ is: 'result', exit: 130 });
          const { value, told } = await does(play, (box) => resume(box, {}));
          expect(value.outcome, told.join('\n')).toBe('succeeded');
        }
        serves(play, 'new');
        await ends(play);
      },
    );

    it(`${scenario.strategy}: whoever begins another one at once is no match for it, and changes nothing beside it`, async () => {
      const play = await Play.begin(scenario);
      const running = play.start(play.process(), 'rollout');
      await play.rest(20_000);
      forget(play, /^\/deployctl\//);
      const other = play.start(play.process({ machine: 'elsewhere' }), 'rollout');
      const ended = [await play.finish(running), await play.finish(other)];
      // The auditor would have seen two at work. Whatever they said, somebody can bring it to an end.
      expect(ended.map(exitOf)).not.toContain(undefined);
      if (!ended.some(({ exit }) => exit === 0)) {
        const { value } = await does(play, (box) => resume(box, {}));
        expect(value.outcome).toBe('succeeded');
      }
      serves(play, 'new');
      await ends(play);
    });
  }

  it.each(['rolling', 'blue-green'] as const)(
    '%s: only the releases, and the process dies: a rollback needs none, and a resume starts nothing that was not asked for',
    async (strategy) => {
      const play = await Play.begin({ ...base, strategy, layout: 'ports', change: 'backend' });
      const process = play.process();
      const running = play.start(process, 'rollout');
      const isStarted = (): boolean =>
        [...play.world.hosts.values()].some((host) =>
          host.boxes.some((box) => box.digest === digestOf('backend', 'new')),
        );
      await play.world.timeline.drive(isStarted, 600_000);
      process.die();
      await play.finish(running);
      forget(play, /\/releases\//);
      await expect(does(play, (box) => resume(box, {}))).rejects.toMatchObject({ code: 'release.missing' });
      const { value } = await does(play, (box) => rollback(box, yes));
      expect(value.outcome).toBe('rolled-back');
      expect(play.serving('backend')).toEqual([digestOf('backend', 'old')]);
      await ends(play);
    },
  );
});

describe('instances that follow a generation of another life', () => {
  it('as an image of another installation has it, before a rollout', async () => {
    const play = await Play.begin(blueGreen);
    const [host] = play.world.hosts.values();
    if (host !== undefined) host.fence = [500, 3, 9];
    const { value, told } = await does(play, (box) => plan(box, { images: new Map(), options: {} }));
    expect(value.findings.map(({ text }) => text).join()).toMatch(/followed generation 500, and the highest/);
    expect(told).toEqual([]);
    expect(exitOf(await play.run(play.process(), 'rollout'))).toBe(0);
    await play.rest(30_000);
    serves(play, 'new');
    await ends(play);
  });

  it('and joins in the middle of one: the rollout goes on under a higher lease', async () => {
    for (const scenario of [rolling, blueGreen]) {
      const play = await Play.begin(scenario);
      const running = play.start(play.process(), 'rollout');
      await play.rest(15_000);
      const joined = play.world.addHost({ id: instanceId(9), zone: zoneOf(9), joined: true });
      joined.fence = [500, 0, 0];
      const ended = await play.finish(running);
      expect(exitOf(ended)).toBe(0);
      await play.rest(30_000);
      expect(joined.boxes.map(({ digest }) => digest).sort()).toEqual([
        digestOf('backend', 'new'),
        digestOf('frontend', 'new'),
      ]);
      await ends(play);
    }
  });
});
