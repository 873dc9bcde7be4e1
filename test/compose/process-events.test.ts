import { afterEach, expect, it } from 'vitest';
import { Interrupted, onHangupOf, watchProcess } from '../../src/compose/process-events.js';
import { settingsOf } from '../simulation/scenario.js';
import { scenarioOf } from '../simulation/scenarios.js';

let stop: (() => void) | undefined;
afterEach(() => stop?.());

function watch(changes: boolean, onHangup: 'continue' | 'interrupt') {
  const interrupt = new AbortController();
  const warnings: string[] = [];
  stop = watchProcess({ changes, onHangup, interrupt, warn: (text) => warnings.push(text) });
  return { interrupt, warnings };
}

it('SIGHUP: a command that changes something continues, with one warning', () => {
  const { interrupt, warnings } = watch(true, 'continue');
  for (let each = 0; each < 3; each += 1) process.emit('SIGHUP');
  expect(interrupt.signal.aborted).toBe(false);
  expect(warnings).toEqual(['the terminal was closed (SIGHUP). The command continues without it']);
});

it.each([
  [true, 'interrupt'],
  [false, 'continue'],
] as const)(
  'SIGHUP with changes %s and on-hangup %s: an interrupt, and a second one does not end the process',
  (changes, how) => {
    const { interrupt, warnings } = watch(changes, how);
    for (let each = 0; each < 3; each += 1) process.emit('SIGHUP');
    expect(interrupt.signal.reason).toBeInstanceOf(Interrupted);
    expect(warnings).toEqual([]);
  },
);

it('what is ignored is told once a signal; afterwards a hangup still does not change the exit code', () => {
  const { warnings } = watch(true, 'continue');
  for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGUSR1'] as const) process.emit(signal, signal);
  expect(warnings.map((text) => text.split(' ')[0])).toEqual(['SIGUSR1', 'SIGUSR2']);
  stop?.();
  for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGQUIT'] as const)
    expect(process.listenerCount(signal), signal).toBe(0);
  expect(process.listenerCount('SIGHUP')).toBe(1);
});

it('the variable overrides the configuration', () => {
  const settings = settingsOf(scenarioOf(1));
  expect(onHangupOf(settings, {})).toBe('continue');
  expect(onHangupOf({ ...settings, onHangup: 'interrupt' }, {})).toBe('interrupt');
  expect(onHangupOf({ ...settings, onHangup: 'interrupt' }, { DEPLOYCTL_ON_HANGUP: 'continue' })).toBe('continue');
  expect(onHangupOf(settings, { DEPLOYCTL_ON_HANGUP: 'interrupt' })).toBe('interrupt');
});
