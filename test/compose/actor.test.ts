import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Command } from '@oclif/core';
import type { Config } from '@oclif/core';
import { words } from '../../src/domain/text.js';
import { reasonFlag, reasonOf } from '../../src/presentation/reason-flag.js';
import { afterEach, describe, expect, it } from 'vitest';
import { isAlive, thisActor } from '../../src/compose/actor.js';
import { Proc } from '../../src/compose/proc.js';
import type { Actor } from '../../src/domain/record.js';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

interface Seen {
  readonly bootId?: string;
  /** Process ids that /proc shows, each started at `100${pid}`. */
  readonly pids?: readonly number[];
  readonly pidNamespace?: string;
  readonly timeNamespace?: string;
  /** The process id of the one that looks, from the namespace of the mount down to its own. */
  readonly nsPid?: string;
  readonly options?: string;
  /** A process whose `stat` cannot be read. */
  readonly closed?: number;
}

const ME = process.pid;
const stat = (pid: number): string => `${String(pid)} (a (b) c) ${'S '.repeat(19)}100${String(pid)} 0 0\n`;

/** A folder with as much of /proc as is read. */
function procOf(seen: Seen = {}): Proc {
  const root = mkdtempSync(join(tmpdir(), 'deployctl-proc-'));
  folders.push(root);
  const file = (name: string, text: string): void => {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  };
  file('sys/kernel/random/boot_id', `${seen.bootId ?? 'boot-1'}\n`);
  file('self/status', `Name:\tnode\nNSpid:\t${seen.nsPid ?? String(ME)}\nNSpgid:\t1\n`);
  file(
    'self/mountinfo',
    `20 1 8:1 / / rw - ext4 /dev/root rw\n21 20 0:20 / /proc rw,relatime - proc proc rw${seen.options ?? ''}\n`,
  );
  mkdirSync(join(root, 'self/ns'));
  symlinkSync(seen.pidNamespace ?? 'pid:[1]', join(root, 'self/ns/pid'));
  if (seen.timeNamespace !== '') symlinkSync(seen.timeNamespace ?? 'time:[1]', join(root, 'self/ns/time'));
  for (const pid of new Set([ME, ...(seen.pids ?? [1])])) file(`${String(pid)}/stat`, stat(pid));
  // Reading a folder fails as one without the right to do so does: neither is "no such process".
  if (seen.closed !== undefined) mkdirSync(join(root, String(seen.closed), 'stat'), { recursive: true });
  return new Proc(root, ME);
}

/** Somebody who took the lease on a machine that looks like `there`, as process 4242; judged where /proc looks like `here`. */
function judged(here: Seen, there: Seen = {}, more: Partial<Actor> = {}): boolean | undefined {
  const holder: Actor = { ...thisActor({}, procOf(there)), pid: 4242, processStart: '1004242', ...more };
  const proc = procOf(here);
  return isAlive(thisActor({}, proc), proc)(holder);
}

function without({ namespaces: _, ...actor }: Actor): Actor {
  return actor;
}

describe('whether the holder of a lease lives', () => {
  it('is known of a process that is seen, and of one that would be seen', () => {
    expect(judged({ pids: [1, 4242] })).toBe(true);
    expect(judged({ pids: [1] })).toBe(false);
    expect(judged({ pids: [1, 4242] }, {}, { processStart: '7' }), 'the id was used again').toBe(false);
    expect(judged({ pids: [1], timeNamespace: '' }, { timeNamespace: '' }), 'an old kernel').toBe(false);
  });

  it.each<[string, Seen, Seen, Partial<Actor>]>([
    ['another machine', {}, {}, { host: 'elsewhere' }],
    ['another machine of the same name, or another boot', {}, { bootId: 'boot-2' }, {}],
    ['another PID namespace', {}, { pidNamespace: 'pid:[2]' }, {}],
    ['another time namespace, in which starts have other times', {}, { timeNamespace: 'time:[2]' }, {}],
    ['a /proc that hides the processes of others', { options: ',hidepid=2' }, {}, {}],
    ['the same by its newer name', { options: ',hidepid=invisible' }, {}, {}],
    ['a /proc without process 1', { pids: [] }, {}, {}],
    ['a process that cannot be looked at', { closed: 4242 }, {}, {}],
    ['a /proc of another namespace, here', { nsPid: `70 ${String(ME)}` }, {}, {}],
    ['a /proc of another namespace, there', {}, { nsPid: `70 ${String(ME)}` }, {}],
    ['a start that was not known', {}, {}, { processStart: 'unknown' }],
  ])('is not known: %s', (_, here, there, more) => {
    expect(judged(here, there, more)).toBeUndefined();
  });

  it('is not known of who was recorded by a version that did not store its namespaces', () => {
    const proc = procOf();
    const me = thisActor({}, proc);
    expect(isAlive(me, proc)(without({ ...me, pid: 4242 }))).toBeUndefined();
    expect(isAlive(without(me), proc)(without({ ...me, pid: 4242 }))).toBeUndefined();
  });

  it('lives where hidepid is there and hides nothing', () => {
    expect(judged({ options: ',hidepid=0' })).toBe(false);
    expect(judged({ options: ',hidepid=off' })).toBe(false);
    expect(judged({ pids: [1, 4242], options: ',hidepid=2' })).toBe(true);
  });

  it('is known of a real process, before and after its end', async () => {
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    const pid = child.pid ?? 0;
    const start = new Proc().start(pid);
    if (start.is !== 'known') throw new Error('a child that runs is not in /proc');
    const me = thisActor({ USER: 'anna' });
    expect(me).toMatchObject({ name: `anna@${hostname()}`, pid: ME });
    const holder: Actor = { ...me, pid, processStart: start.at };
    expect(isAlive(me)(holder)).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(isAlive(me)(holder)).toBe(new Proc().showsAll() ? false : undefined);
  });
});

describe('who acts', () => {
  const at = `@${hostname()}`;
  it.each<[string, NodeJS.ProcessEnv, string]>([
    ['a name', { DEPLOYCTL_ACTOR: 'anna' }, `anna${at}`],
    ['blanks around it', { DEPLOYCTL_ACTOR: '  anna \n' }, `anna${at}`],
    ['lines and controls', { DEPLOYCTL_ACTOR: 'anna\n::error::x\u001b[2J' }, `anna ::error::x [2J${at}`],
    ['nothing', { DEPLOYCTL_ACTOR: ' ', USER: 'ben' }, `ben${at}`],
    ['a very long one', { DEPLOYCTL_ACTOR: 'é'.repeat(10_000) }, `${'é'.repeat(99)}…${at}`],
    [
      'a run of GitHub',
      { GITHUB_ACTIONS: 'true', GITHUB_ACTOR: 'a\nb', GITHUB_REPOSITORY: 'x'.repeat(200), GITHUB_RUN_NUMBER: '7' },
      `a b (${'x'.repeat(99)}… run 7)`,
    ],
    ['a run of GitHub that says nothing', { GITHUB_ACTIONS: 'true', GITHUB_ACTOR: '' }, 'someone (GitHub run ?)'],
  ])('%s', (_, env, name) => {
    expect(thisActor(env).name).toBe(name);
  });
});

describe('a reason', () => {
  class Asking extends Command {
    static override flags = { reason: reasonFlag('why') };

    async run(): Promise<string | undefined> {
      const { flags } = await this.parse(Asking);
      return flags.reason;
    }
  }
  const parse = async (text: string): Promise<string | undefined> => {
    const config = { bin: 'deployctl', runHook: () => Promise.resolve({ successes: [], failures: [] }) };
    return new Asking(['--reason', text], config as object as Config).run();
  };

  it('is on one line, and not longer than a record can hold', async () => {
    expect(await parse(' the\nerror  rate ')).toBe('the error rate');
    expect(await parse('x'.repeat(10_000_000))).toBe(`${'x'.repeat(499)}…`);
  });

  it('is none where only blanks were given', async () => {
    expect(reasonOf({ reason: await parse(' \n ') })).toEqual({});
    expect(reasonOf({})).toEqual({});
    expect(reasonOf({ reason: 'x' })).toEqual({ reason: 'x' });
  });

  it('is not cut through a character', () => {
    expect(words('🚀🚀🚀', 2)).toBe('🚀…');
  });
});
