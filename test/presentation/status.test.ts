import { describe, expect, it } from 'vitest';
import type { StatusResult } from '../../src/operations/status.js';
import { statusText } from '../../src/presentation/status.js';
import { changes, endText, linesView, screenView } from '../../src/presentation/watch.js';
import { Screen } from '../_helpers/screen.js';
import { START } from '../_helpers/plan.js';

const iso = (seconds: number): string => new Date(START + seconds * 1000).toISOString();
const target = (number: number, state: string, runs: string) => ({
  instance: `i-0000000${String(number)}`,
  name: `web-${String(number)}`,
  zone: `eu-west-1${number % 2 === 1 ? 'a' : 'b'}`,
  state,
  runs,
  ...(runs === 'nothing' ? {} : { since: iso(-3600) }),
});

const blue = {
  color: 'blue',
  port: 8081,
  targets: [target(1, 'healthy', '1.0.0'), target(2, 'unhealthy', '1.0.0')],
} as const;
const green = {
  color: 'green',
  port: 8082,
  targets: [target(1, 'not registered', 'nothing'), target(2, 'not registered', 'nothing')],
} as const;
const backend = {
  service: 'backend',
  image: '1.0.0',
  release: 'r-1',
  live: 'blue',
  weights: { blue: 100, green: 0 },
  colors: [blue, green],
} as const;

const quiet: StatusResult = {
  schemaVersion: 1,
  app: 'shop',
  environment: 'production',
  release: 'r-1',
  since: iso(-7200),
  by: 'anna@laptop',
  services: [backend],
  instances: [],
  lease: { is: 'free', generation: 3 },
  problems: [],
  next: ['deployctl rollback --env production'],
};

const rollout: NonNullable<StatusResult['running']> = {
  rollout: 'ro-2',
  kind: 'rollout',
  strategy: 'blue-green',
  by: 'bob@ci',
  services: [{ service: 'backend', from: '1.0.0', to: '1.1.0' }],
  phase: 'bring up the idle color, out of traffic',
  aim: 'new',
  startedAt: iso(-60),
  deadline: iso(7200),
  driven: true,
  waits: [{ what: 'backend on web-1: registered; waits for its first health check', until: iso(90) }],
};
const running: StatusResult = { ...quiet, running: rollout };

describe('one screen', () => {
  it('says what runs where, since when and by whom, and what to type next', () => {
    expect(statusText(quiet, START, 78).split('\n')).toEqual([
      'shop/production  backend 1.0.0',
      '  r-1, since 2026-11-24 10:00 UTC (2h 00m ago) by anna@laptop',
      'lock: free',
      '',
      'backend 1.0.0  blue ██████████ 100%  green ░░░░░░░░░░ 0%  nothing on green',
      '  instance  zone        blue :8081',
      '  web-1     eu-west-1a  healthy  1.0.0  up 1h 00m',
      '  web-2     eu-west-1b  unhealthy  1.0.0  up 1h 00m',
      '',
      'Next:',
      '  deployctl rollback --env production',
    ]);
  });

  it('says what a rollout waits for and until when, and when nobody drives it', () => {
    const text = statusText(running, START);
    expect(text).toContain('rollout ro-2 (blue-green) by bob@ci, began 1m 00s ago: backend 1.0.0 → 1.1.0');
    expect(text).toMatch(/waits: backend on web-1: registered; .* at most \(1m 30s\)/);
    expect(text).toMatch(/is rolled back at .* \(2h 00m\)/);
    const dead = { ...running, running: { ...rollout, driven: false, waits: [] } };
    expect(statusText(dead, START)).toContain('nobody drives it any more');
  });

  it('names no release where none was recorded, and prints no control character', () => {
    expect(statusText({ ...quiet, release: null }, START)).toContain('found running; no rollout of ours brought it');
    const nasty = { ...quiet, problems: ['x\u001b[2Jy\u0007'] };
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    expect(statusText(nasty, START)).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });
});

describe('following', () => {
  it('says once what has changed, and nothing when nothing has', () => {
    expect(changes(running, running, START)).toEqual([]);
    const later: StatusResult = {
      ...running,
      services: [
        {
          ...backend,
          weights: { blue: 90, green: 10 },
          colors: [blue, { ...green, targets: [target(1, 'healthy', '1.1.0')] }],
        },
      ],
      running: { ...rollout, phase: 'bake: watching', waits: [{ what: 'bake: watching', until: iso(120) }] },
    };
    expect(changes(running, later, START)).toEqual([
      'bake: watching',
      'backend  traffic: blue 90%, green 10%',
      'backend green  web-1  not registered, nothing → healthy, 1.1.0',
    ]);
  });

  it('in a pipe begins with the whole status, then lines', () => {
    let out = '';
    const view = linesView({ write: (text) => (out += text) });
    view.show(running, START);
    view.show({ ...running, running: { ...rollout, driven: false } }, START);
    expect(out).toMatch(
      /^shop\/production {2}backend[^]*\n\n\d\d:\d\d:\d\d {2}nobody drives it any more: it stands still\n$/,
    );
  });

  it('ends with what became of the rollout that was followed, not of another one', () => {
    const ended = (rollout: string): StatusResult => ({
      ...quiet,
      last: { rollout, kind: 'rollout', outcome: 'rolled-back', reason: 'bad', by: 'bob', endedAt: iso(0) },
    });
    expect(endText(running, ended('ro-2'))).toBe('rollout ro-2 rolled-back: bad');
    expect(endText(running, ended('ro-1'))).toMatch(/ro-2 has not ended, and nobody drives it/);
    expect(endText(quiet, quiet)).toMatch(/nothing to follow/);
  });
});

it('a note while the screen is drawn is a line of it, and no longer with the next status', () => {
  const screen = Object.assign(new Screen(80, 12), { isTTY: true });
  const view = screenView(screen);
  expect(view.note('waiting for 2 of 2 instances (5 s)', START), 'nothing is drawn yet').toBe(false);
  view.show(quiet, START);
  for (let times = 0; times < 20; times += 1)
    expect(view.note(`waiting for ssm:SendCommand to answer (${String(times)} s)`, START)).toBe(true);
  expect(screen.lines.slice(0, 3)).toEqual([
    expect.stringContaining('Ctrl-C ends the watching'),
    'waiting for ssm:SendCommand to answer (19 s)',
    '',
  ]);
  view.show(quiet, START);
  expect(screen.text).not.toContain('waiting');
  view.close();
  expect(screen.alternate).toBe(false);
});
