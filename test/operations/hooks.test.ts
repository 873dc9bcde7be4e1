import { readFile } from 'node:fs/promises';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createHooks } from '../../src/compose/hooks.js';
import type { EventBody } from '../../src/domain/event.js';
import type { HookCommand, HookSettings } from '../../src/domain/settings.js';
import { Hooks } from '../../src/operations/hooks.js';
import { summary } from '../reporters/_story.js';

const none: HookSettings = { 'pre-rollout': [], 'pre-traffic': [], 'post-shift': [], success: [], failure: [] };
const shell = (line: string, timeout = 5000): HookCommand => ({ command: { is: 'shell', line }, timeout });

function hooksOf(settings: Partial<HookSettings>, signal = new AbortController().signal) {
  const told: EventBody[] = [];
  const box = {
    hooks: createHooks({ ...none, ...settings }),
    emit: (event: EventBody) => void told.push(event),
    signal,
  };
  return { hooks: new Hooks(box, summary), told };
}

const warnings = (told: readonly EventBody[]): readonly string[] =>
  told.flatMap((event) => (event.type === 'note' && event.level === 'warning' ? [event.text] : []));

describe('hooks', () => {
  it('run one after the other with the variables of the rollout, argv without a shell', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'hooks-')), 'out');
    const argv: HookCommand = {
      command: { is: 'argv', argv: ['sh', '-c', 'echo "$1" >> "$2"', 'sh', '$HOME; {{x}}', file] },
      timeout: 5000,
    };
    const { hooks, told } = hooksOf({
      'pre-rollout': [argv, shell(`env | grep ^DEPLOYCTL_ | sort >> ${file}`)],
      success: [shell(`echo "$DEPLOYCTL_HOOK $DEPLOYCTL_OUTCOME $DEPLOYCTL_REASON" >> ${file}`)],
    });
    await hooks.beforeRollout();
    await hooks.ended('succeeded', 'all is well');
    expect((await readFile(file, 'utf8')).trimEnd().split('\n')).toEqual([
      '$HOME; {{x}}',
      'DEPLOYCTL_APP=shop',
      'DEPLOYCTL_BY=anna@laptop',
      'DEPLOYCTL_ENV=production',
      'DEPLOYCTL_FROM=r-1',
      'DEPLOYCTL_HOOK=pre-rollout',
      'DEPLOYCTL_KIND=rollout',
      'DEPLOYCTL_ROLLOUT=ro-20261124-195312-4f2a',
      'DEPLOYCTL_SERVICES=backend=1.1.0 frontend=1.1.0',
      'DEPLOYCTL_STRATEGY=rolling',
      'DEPLOYCTL_TO=r-2',
      'success succeeded all is well',
    ]);
    expect(warnings(told)).toEqual([]);
  });

  it('get reasons of others on one line, whatever is in them', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'hooks-')), 'out');
    const { hooks, told } = hooksOf({ failure: [shell(`printf %s "$DEPLOYCTL_REASON" > ${file}`)] });
    await hooks.ended('failed', ` docker said:\n::error::x\0${'y'.repeat(5000)}`);
    const reason = await readFile(file, 'utf8');
    expect(reason).toMatch(/^docker said: ::error::x y+…$/);
    expect(reason).toHaveLength(1000);
    expect(warnings(told)).toEqual([]);
  });

  it('pre-rollout refuses with 12, the name of the command and its last line', async () => {
    const { hooks } = hooksOf({ 'pre-rollout': [shell('echo frozen until Monday; exit 3'), shell('touch /never')] });
    await expect(hooks.beforeRollout()).rejects.toMatchObject({
      code: 'hook.refused',
      exitCode: 12,
      message: expect.stringMatching(/exit 3: frozen until Monday\. Nothing was changed$/) as string,
    });
  });

  it('pre-traffic runs once, in the background, and says what came of it', async () => {
    const { hooks, told } = hooksOf({ 'pre-traffic': [shell('exit 1')] });
    expect(hooks.preTraffic()).toEqual({ is: 'running' });
    await hooks.ended('interrupted', '');
    expect(hooks.preTraffic()).toMatchObject({ is: 'failed', why: expect.stringContaining('exit 1') as string });
    expect(told).toHaveLength(1);
    expect(hooksOf({}).hooks.preTraffic()).toEqual({ is: 'passed' });
  });

  it('what fails afterwards is a warning: a time-out, a command that is not there', async () => {
    const { hooks, told } = hooksOf({
      'post-shift': [shell('sleep 20', 200)],
      failure: [{ command: { is: 'argv', argv: ['/no/such/command'] }, timeout: 1000 }],
    });
    hooks.take({ type: 'traffic.shifted', service: 'backend', color: 'green', percent: 10 });
    await hooks.ended('rolled-back', 'bad');
    expect(warnings(told)).toEqual([
      expect.stringMatching(/^the hook post-shift failed, which changes nothing: sleep 20: timed out after 0\.2 s/),
      expect.stringMatching(/^the hook failure failed, which changes nothing: \/no\/such\/command: .*ENOENT/),
    ]);
  });

  it('after an interrupt nothing is begun', async () => {
    const { hooks, told } = hooksOf({ success: [shell('true')], failure: [shell('true')] });
    await hooks.ended('interrupted', 'SIGTERM');
    expect(told).toEqual([]);
  });
});
