import { describe, expect, it } from 'vitest';
import type { DeployctlEvent } from '../../src/domain/event.js';
import type { Reporter } from '../../src/engine/ports.js';
import { createLines } from '../../src/reporters/lines.js';
import { ManualClock } from '../_helpers/manual-clock.js';
import { at, ended, line, START, story, summary, view, ZONE } from './_story.js';

function lines(): {
  clock: ManualClock;
  reporter: Reporter;
  text: () => string;
  report: (...e: DeployctlEvent[]) => void;
} {
  const clock = new ManualClock(START);
  let text = '';
  const reporter = createLines({ write: (more) => (text += more), clock, timeZone: ZONE });
  return { clock, reporter, text: () => text, report: (...events) => events.forEach((it) => reporter.report(it)) };
}

describe('lines', () => {
  it('tells a rollout that fails, one line an event and a block at the end', async () => {
    const it = lines();
    it.report(...story);
    await it.reporter.close();
    expect(it.text()).toMatchInlineSnapshot(`
      "19:53:12  rollout ro-20261124-195312-4f2a of shop/production (rolling) by anna@laptop: backend 1.0.0 → 1.1.0, frontend 1.0.0 → 1.1.0, about 4m 10s
      19:53:13  pulling: the old version serves meanwhile
      19:53:14  pull backend 1.1.0 on shop-1
      19:53:21  i-0abc000000000001 (shop-1)  pulled backend 1.1.0 (6.4s)
      19:53:22  replacing: one instance at a time
      19:53:23  backend  i-0abc000000000001 (shop-1)  old → draining (open requests, until 19:54:23 at most)
      19:53:53  backend  i-0abc000000000001 (shop-1)  draining → swapping
      19:54:12  i-0abc000000000001 (shop-1)  start of backend failed (unhealthy): the health path did not pass 3 times in a row within 60 s
                last probe: GET http://127.0.0.1:8081/health answered 503
                container exited with 137 (killed for want of memory)
                log of the container, last lines:
                  | listening on 8080
                  | ERROR cannot reach the database
                  | : :error::pwned
                  |   : :add-mask::x
                  | ## [error]old style
      19:54:13  rolling back: backend did not become healthy on shop-1
                last probe: GET http://127.0.0.1:8081/health answered 503
                container exited with 137 (killed for want of memory)
      19:54:32  backend  i-0abc000000000001 (shop-1)  bad → serving
      19:56:24  Rollout failed and was undone; the previous release is serving: backend did not become healthy on shop-2
                backend   1.0.0 → 1.1.0
                frontend  1.0.0 → 1.1.0
                serving now: backend 1.0.0, frontend 1.0.0
                ro-20261124-195312-4f2a of shop/production, rolling, took 3m 12s, by anna@laptop
                start of backend failed (unhealthy): the health path did not pass 3 times in a row within 60 s
                last probe: GET http://127.0.0.1:8081/health answered 503
                container exited with 137 (killed for want of memory)
                log of the container, last lines:
                  | listening on 8080
                  | ERROR cannot reach the database
                  | : :error::pwned
                  |   : :add-mask::x
                  | ## [error]old style
                Next: deployctl history --env production
                Next: deployctl logs backend --env production
      "
    `);
    expect(it.text()).not.toContain('\u001b');
    for (const each of it.text().split('\n')) expect(each).not.toMatch(/^\s*::/);
  });

  it('ends a success in a sentence', async () => {
    const it = lines();
    const { failure: _failure, ...good } = ended({
      outcome: 'succeeded',
      reason: 'all gates passed',
      next: [],
      serving: 'r-2',
    }) as Extract<DeployctlEvent, { type: 'rollout.ended' }>;
    it.report({ ...good, at: START });
    await it.reporter.close();
    expect(it.text()).toMatchInlineSnapshot(`
      "19:53:12  Rollout succeeded: all gates passed
                backend   1.0.0 → 1.1.0
                frontend  1.0.0 → 1.1.0
                serving now: r-2
                ro-20261124-195312-4f2a of shop/production, rolling, took 3m 12s, by anna@laptop
      "
    `);
  });

  it.each([
    ['failed', 'Rollout failed; a person is needed', 'Next: deployctl status --env production'],
    ['held', 'Rollout is on hold; a person is needed', 'Next: deployctl status --env production'],
    ['interrupted', 'Rollout was interrupted: neither finished nor undone', 'Next: deployctl resume --env production'],
  ] as const)('%s says what to type next', (outcome, sentence, next) => {
    const it = lines();
    it.report(at(1, ended({ outcome, next: [] })));
    expect(it.text()).toContain(sentence);
    expect(it.text()).toContain(next);
  });

  it('says what is waited for, and until when, after a minute of silence, until the rollout has ended', async () => {
    const it = lines();
    it.report(at(0, { type: 'rollout.started', summary, resumed: true }), at(1, { type: 'view', view: view() }));
    await it.clock.advance(59_000);
    expect(it.text().split('\n')).toHaveLength(2);
    await it.clock.advance(1_000);
    expect(it.text()).toContain(
      '19:54:12  still waiting: frontend: traffic to settle, until 19:55:17 at most (1m 05s)\n',
    );
    await it.clock.advance(30_000);
    it.report(at(90, { type: 'phase.changed', phase: 'shifting', reason: '' }));
    await it.clock.advance(59_000);
    expect(it.text().match(/still waiting/g)).toHaveLength(1);
    await it.clock.advance(1_000);
    expect(it.text().match(/still waiting/g)).toHaveLength(2);
    it.report(at(150, ended()));
    await it.clock.runUntilIdle();
    expect(it.text().match(/still waiting/g)).toHaveLength(2);
    await it.reporter.close();
  });

  it('does not say the same again, but says what came back', () => {
    const it = lines();
    const away: DeployctlEvent = at(1, { type: 'instance.moved', before: 'serving', line: line(1, 'unknown') });
    const back: DeployctlEvent = at(2, { type: 'instance.moved', before: 'unknown', line: line(1, 'serving') });
    it.report(away, away, back, away);
    expect(it.text().trim().split('\n')).toHaveLength(3);
    const failed: DeployctlEvent = at(3, {
      type: 'action.failed',
      action: { is: 'inspect', instance: 'i-0abc000000000001' },
      text: 'look at shop-1',
      why: 'throttled',
    });
    it.report(failed, failed, failed);
    expect(it.text().match(/throttled/g)).toHaveLength(1);
  });

  it('leaves nothing running after close', async () => {
    const it = lines();
    it.report(at(0, { type: 'rollout.started', summary, resumed: false }));
    await it.clock.advance(1);
    expect(it.clock.sleeping).toBe(1);
    await it.reporter.close();
    expect(it.clock.sleeping).toBe(0);
  });

  it('a heartbeat that cannot be written fails the next event, and not the process', async () => {
    const clock = new ManualClock(START);
    let broken = false;
    const write = (): void => {
      if (broken) throw new Error('no space left');
    };
    const reporter = createLines({ write, clock, timeZone: ZONE });
    reporter.report(at(0, { type: 'rollout.started', summary, resumed: false }));
    broken = true;
    await clock.advance(60_000);
    expect(() => reporter.report(at(61, { type: 'note', level: 'info', text: 'x' }))).toThrow('no space left');
    await reporter.close();
  });
});
