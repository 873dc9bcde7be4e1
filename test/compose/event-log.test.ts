import { execFileSync } from 'node:child_process';
import { open, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openEventLog } from '../../src/compose/event-log.js';
import { at, story } from '../reporters/_story.js';

describe('the event log in a pipe', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'deployctl-events-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const pipe = (name: string): string => {
    const path = join(folder, name);
    execFileSync('mkfifo', [path]);
    return path;
  };

  it('that nobody reads is refused at once', () => {
    expect(() => openEventLog(pipe('unread'), () => undefined)).toThrow(/--events .*unread cannot be written: ENXIO/);
  });

  it('whose reader stands still is given up at the end, with one warning', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const path = pipe('still');
      const reader = await open(path, 'r+');
      const failures: string[] = [];
      const log = openEventLog(path, (why) => failures.push(why));
      // More than a pipe holds (64 KB).
      for (let count = 0; count < 200; count += 1) for (const event of story) log.report(event);
      const closed = log.close();
      await vi.advanceTimersByTimeAsync(5000);
      await closed;
      expect(failures).toEqual(["the event log can't be written: it did not take the last lines in time"]);
      await reader.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it('whose reader stands still does not fill the memory', async () => {
    const path = pipe('full');
    const reader = await open(path, 'r+');
    const failures: string[] = [];
    const log = openEventLog(path, (why) => failures.push(why));
    const text = 'x'.repeat(1024 * 1024);
    for (let count = 0; count < 40; count += 1)
      log.report(at(count, { type: 'note', level: 'info', text: `${text}${String(count)}` }));
    await log.close();
    expect(failures).toEqual(["the event log can't be written: it takes lines more slowly than they come"]);
    await reader.close();
  });
});
