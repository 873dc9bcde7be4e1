import { describe, expect, it } from 'vitest';
import { createProgress } from '../../src/reporters/progress.js';
import { createStyle } from '../../src/reporters/style.js';
import { createTerminal } from '../../src/reporters/terminal.js';
import { ManualClock } from '../_helpers/manual-clock.js';
import { Screen } from '../_helpers/screen.js';
import { at, ended, START, story, summary, view, ZONE } from './_story.js';

const clock = new ManualClock(START + 65_000);
const style = createStyle({ color: false });
const started = at(0, { type: 'rollout.started', summary, resumed: false });
const count = (text: string, part: string): number => text.split(part).length - 1;

describe('the terminal', () => {
  it('keeps one block below what has scrolled away, and leaves only lines at the end', async () => {
    const screen = new Screen();
    const reporter = createTerminal({ terminal: screen, clock, style, timeZone: ZONE });
    reporter.report(started);
    reporter.report(at(1, { type: 'view', view: view() }));
    expect(screen.cursorHidden).toBe(true);
    reporter.report(at(2, { type: 'phase.changed', phase: 'replacing', reason: 'one instance at a time' }));
    reporter.report(at(3, { type: 'view', view: view() }));
    expect(screen.lines[3]).toBe('19:53:14  replacing: one instance at a time');
    expect(screen.lines[4]).toMatch(/^. shop\/production {2}rollout, rolling: replacing {2}1m 05s of about 4m 10s$/);
    expect(count(screen.text, 'draining')).toBe(1);

    reporter.report(at(192, ended()));
    await reporter.close();
    expect(screen.cursorHidden).toBe(false);
    expect(screen.text).not.toContain('draining');
    expect(screen.text).toContain('19:56:24  Rollout failed and was undone; the previous release is serving');
    expect(screen.text.trimEnd()).toMatch(/Next: deployctl logs backend --env production$/);
  });

  it.each([80, 50])('at %d columns no line of the story wraps', async (columns) => {
    const screen = new Screen(columns);
    const reporter = createTerminal({ terminal: screen, clock, style, timeZone: ZONE });
    for (const event of story) reporter.report(event);
    await reporter.close();
    // But for a command, which is there to be copied.
    expect(screen.tooWide.filter((line) => !/^ *Next: deployctl /.test(line))).toEqual([]);
    expect(screen.text).toMatchSnapshot();
    // eslint-disable-next-line no-control-regex -- colours are escape sequences
    expect(screen.raw).not.toMatch(/\u001b\[[0-9;]*m/);
  });

  it('says a call that is refused at every poll once a minute, whatever else comes between', async () => {
    const screen = new Screen();
    const now = new ManualClock(START);
    const reporter = createTerminal({ terminal: screen, clock: now, style, timeZone: ZONE });
    const action = { is: 'deregister', group: 'arn:g', targets: [] } as const;
    for (let second = 0; second < 70; second += 5) {
      reporter.report(at(second, { type: 'action.failed', action, text: 'deregister shop-1', why: 'slow down' }));
      reporter.report(at(second, { type: 'note', level: 'warning', text: `note ${String(second % 10)}` }));
      await now.advance(5000);
    }
    await reporter.close();
    expect(count(screen.text, 'deregister shop-1 failed: slow down')).toBe(2);
    expect(count(screen.text, 'note 0')).toBe(2);
  });

  it('takes the whole block back after the terminal has become narrower', async () => {
    const screen = new Screen(100);
    const reporter = createTerminal({ terminal: screen, clock, style, timeZone: ZONE });
    reporter.report(started);
    reporter.report(at(1, { type: 'view', view: view() }));
    screen.resize(50, 24);
    expect(count(screen.text, 'shop-2')).toBe(1);
    expect(screen.lines.filter((it) => /^. shop/.test(it))).toHaveLength(1);
    expect(screen.lines[0]).toContain('rollout ro-');
    screen.resize(120, 24);
    expect(count(screen.text, 'shop-2')).toBe(1);
    await reporter.close();
    expect(screen.text).not.toContain('shop-2');
    expect(screen.listenerCount('resize')).toBe(0);
  });

  it('what goes wrong between two events fails the next one, and not the process', async () => {
    const screen = new Screen();
    let fails = false;
    const brittle = {
      monotonic: () => clock.monotonic(),
      now: () => {
        if (fails) throw new Error('no such time');
        return clock.now();
      },
    };
    const reporter = createTerminal({ terminal: screen, clock: brittle, style, timeZone: ZONE });
    reporter.report(at(1, { type: 'view', view: view() }));
    fails = true;
    screen.resize(50, 24);
    fails = false;
    expect(() => reporter.report(started)).toThrow('no such time');
    expect(screen.cursorHidden).toBe(false);
    await reporter.close();
  });

  it('a terminal that stands still gets lines, and no more frames than it can hold', async () => {
    const screen = new Screen();
    const still = Object.assign(screen, { writableLength: 0 });
    const reporter = createTerminal({ terminal: still, clock, style, timeZone: ZONE });
    reporter.report(at(1, { type: 'view', view: view() }));
    still.writableLength = 1024 * 1024;
    const before = screen.raw.length;
    for (let second = 2; second < 100; second += 1) reporter.report(at(second, { type: 'view', view: view() }));
    reporter.report(at(101, { type: 'note', level: 'info', text: 'a line' }));
    expect(screen.raw.length - before).toBeLessThan(8000);
    still.writableLength = 0;
    reporter.report(at(102, { type: 'view', view: view() }));
    expect(count(screen.text, 'draining')).toBe(1);
    expect(screen.text).toContain('a line');
    await reporter.close();
  });

  it('colours when asked', async () => {
    const screen = new Screen();
    const reporter = createTerminal({ terminal: screen, clock, style: createStyle({ color: true }), timeZone: ZONE });
    reporter.report(at(1, { type: 'view', view: view() }));
    await reporter.close();
    expect(screen.raw).toContain('\u001b[31mbad');
  });
});

describe('the choice', () => {
  const write = (into: string[]) => ({
    write: (text: string) => into.push(text) > 0,
    on: () => undefined,
    off: () => undefined,
  });

  it('is lines for a pipe, for CI and for --json', async () => {
    for (const [tty, env, quiet] of [
      [false, {}, false],
      [true, { CI: 'true' }, false],
      [true, {}, true],
    ] as const) {
      const out: string[] = [];
      const reporter = await createProgress({ stream: { ...write(out), isTTY: tty }, env, clock, quiet });
      reporter.report(at(1, { type: 'view', view: view() }));
      reporter.report(at(1, { type: 'note', level: 'warning', text: 'x\u001b[31m' }));
      await reporter.close();
      expect(out.join('')).toMatch(/^\d\d:\d\d:\d\d {2}warning: x\n$/);
    }
  });
});
