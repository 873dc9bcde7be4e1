import { readFile } from 'node:fs/promises';
import type { Demands } from './floor.js';
import { batchesOf, covered, spansOf } from './floor.js';

/** What is known of a run on the sandbox. Milliseconds: `began`, `ended` since the epoch, `demands` of AWS. */
interface Run {
  readonly log: string;
  readonly scale: number;
  readonly began: number;
  readonly ended: number;
  readonly demands: Demands;
}

const { log, scale, began, ended, demands } = JSON.parse(process.argv[2] ?? '') as Run;
const aws = (seconds: number): number => (seconds - began / 1000) * scale;
const lines = (await readFile(log, 'utf8')).split('\n').flatMap((line) => {
  const [, at, text] = /^(\d+\.\d+) (.*)$/.exec(line) ?? [];
  // What was before the rollout is none of it.
  return at === undefined || Number(at) * 1000 < began ? [] : [`${aws(Number(at)).toFixed(3)} ${text ?? ''}`];
});
const total = (ended - began) * scale;
process.stdout.write(
  `${JSON.stringify({ total, floor: covered(spansOf(lines, demands), 0, total), batches: batchesOf(lines) })}\n`,
);
