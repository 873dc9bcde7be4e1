// After a cancelled job: undoes the rollout that was half-way. The runner allows about five minutes for it; what it does not finish,
// `deployctl resume` finishes from anywhere.
import { deployctl, shared } from './cli.js';
import { addSummary, annotate, input, mask } from './runner.js';
import { summary } from './summary.js';

mask(process.env.DISCORD_WEBHOOK_URL ?? '');
if (process.env.STATE_changing === undefined || process.env.STATE_changing === '') {
  process.stdout.write('nothing was begun, so there is nothing to undo\n');
} else {
  try {
    await recover();
  } catch (error) {
    stays(70, error.message, []);
  }
}

async function recover() {
  if (input('on-cancel') === 'leave') {
    annotate(
      'warning',
      'deployctl: the job was cancelled',
      'Next: deployctl status, then deployctl resume or deployctl rollback',
    );
    return;
  }
  // abort refuses where no rollout is unfinished; a bare rollback would then undo the release before this one.
  const aborted = await deployctl(['abort', '--reason', 'the job was cancelled', ...shared(), '--json']);
  if (isOver(aborted.result)) return;
  if (aborted.code !== 0) {
    stays(aborted.code, aborted.result.error.message, aborted.result.error.next);
    return;
  }
  const { code, result } = await deployctl(['resume', '--lock-wait', '1m', ...shared(), '--json']);
  // What had outlived its step heard the request to go back.
  if (isOver(result)) return;
  addSummary(summary('resume after the cancellation', result.outcome ?? 'failed', result, []));
  // 10: undone, the earlier release serves.
  if (code !== 0 && code !== 10) stays(code, result.error?.message ?? result.reason ?? `exit code ${code}`, []);
}

/** No rollout is unfinished. Any other refusal leaves open whether one is. */
function isOver({ error }) {
  const over = ['abort.nothing', 'steer.ended', 'steer.no-rollout', 'resume.nothing'].includes(error?.code);
  if (over) process.stdout.write('no rollout was left half-way\n');
  return over;
}

function stays(code, why, next) {
  const steps = [...next, 'deployctl status, then deployctl resume or deployctl rollback'];
  annotate('error', 'deployctl: not undone', [why, ...steps.map((line) => `Next: ${line}`)].join('\n'));
  process.exitCode = code;
}
