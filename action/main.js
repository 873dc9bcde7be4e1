// The action's step: runs one command of deployctl and says what came of it, in outputs, a summary and annotations.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deployctl, shared } from './cli.js';
import { addSummary, annotate, input, lines, mask, setValue } from './runner.js';
import { summary } from './summary.js';

/** Commands that take --events, --yes and images. */
const changing = new Set(['rollout', 'rollback', 'resume']);
/** Exit codes of what ended before it changed anything: the preflight, the lock of another rollout, arguments and configuration. */
const refused = new Set([12, 13, 64]);
const secrets = ['DISCORD_WEBHOOK_URL', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'];

const command = input('command') || 'rollout';
for (const name of secrets) mask(process.env[name] ?? '');

const scratch = mkdtempSync(join(process.env.RUNNER_TEMP ?? tmpdir(), 'deployctl-events-'));
try {
  process.exitCode = await step();
} catch (error) {
  // Before deployctl was there: nothing was changed.
  const next = 'Next: look at the lines of npm above; with the input package a packed deployctl is used instead';
  annotate('error', 'deployctl could not be started', `${error.message}\n${next}`);
  process.exitCode = 70;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function step() {
  const events = join(scratch, 'events.ndjson');
  // Known before anything changes, so that a job that dies at any moment has it.
  if (changing.has(command)) setValue('GITHUB_STATE', 'changing', command);
  const { code, result } = await deployctl([
    command,
    ...images(),
    ...(input('strategy') === '' ? [] : ['--strategy', input('strategy')]),
    ...shared(),
    ...(changing.has(command) ? ['--events', events] : []),
    ...(command === 'rollout' || command === 'rollback' ? ['--yes'] : []),
    ...lines('arguments'),
    '--json',
  ]);
  const outcome = result.outcome ?? outcomeOf(code, result.error);
  setValue('GITHUB_OUTPUT', 'outcome', outcome);
  setValue('GITHUB_OUTPUT', 'release', result.serving ?? result.release ?? '');
  setValue('GITHUB_OUTPUT', 'previous', result.from ?? '');
  setValue('GITHUB_OUTPUT', 'duration', String(Math.round(result.durationSeconds ?? 0)));
  setValue('GITHUB_OUTPUT', 'exit-code', String(code));
  addSummary(summary(command, outcome, result, eventsIn(events)));
  for (const warning of result.warnings ?? []) annotate('warning', `deployctl ${command}`, String(warning));
  if (code !== 0) {
    const why = result.error?.message ?? result.reason ?? `exit code ${code}`;
    const next = result.error?.next ?? result.next ?? [];
    annotate('error', `deployctl ${command}: ${outcome}`, [why, ...next.map((line) => `Next: ${line}`)].join('\n'));
  }
  return code;
}

/** Of a document that names no outcome: an error, or the result of a command that changes nothing. */
function outcomeOf(code, error) {
  if (refused.has(code)) return 'refused';
  if (code === 130) return 'interrupted';
  if (error === undefined) return 'succeeded';
  // 14: it has begun, and has not ended: `resume` continues it.
  return code === 14 ? 'held' : 'failed';
}

function images() {
  if (command !== 'rollout' && command !== 'plan' && command !== 'doctor') return [];
  const named = ['backend', 'frontend'].flatMap((service) =>
    input(service) === '' ? [] : [`--${service}`, input(service)],
  );
  return [...named, ...lines('images').flatMap((image) => ['--image', image])];
}

/** The events that were written; the last line may be half. */
function eventsIn(path) {
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line)];
    } catch {
      return [];
    }
  });
}
