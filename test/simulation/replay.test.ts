import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { referenceOf } from './case.js';
import { mutants } from './mutants.js';
import { replay } from './replays.js';

const usual = ['blue-green/ports/both/2/dies/adopted/7 another 120:lost', 'storm rolling/ports/both/3/good/released/5'];

it.each(usual)('the same case has the same trace: %s', async (text) => {
  const [first, second] = [await replay(text, referenceOf), await replay(text, referenceOf)];
  expect(second.trace).toEqual(first.trace);
  expect(first.violations).toEqual([]);
});

const simulate = (text: string): Promise<{ readonly code: unknown; readonly stdout: string }> =>
  new Promise((resolve) => {
    const script = fileURLToPath(new URL('../../scripts/simulate.js', import.meta.url));
    execFile(process.execPath, [script, text], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout: stdout + stderr });
    });
  });

it('npm run simulate shows the same trace, and what a planted defect breaks in it', async () => {
  const text = 'rolling/ports/backend/10/good/released/3 resume';
  const sound = await simulate(text);
  expect(sound.code, sound.stdout).toBe(0);
  expect(sound.stdout.trim()).toBe((await replay(text, referenceOf)).trace.join('\n').trim());
  const number = mutants.findIndex(({ what }) => what === 'the window is the whole fleet, and the minimum with it');
  const planted = await simulate(`mutant ${String(number)} ${text}`);
  expect(planted.code, planted.stdout).toBe(1);
  expect(planted.stdout).toMatch(/^broken: .*I1: backend has 7 serving targets, the minimum is 8/m);
});
