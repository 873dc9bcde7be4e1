// After a cancelled job: undoes the rollout that was half-way. The runner allows about five minutes for it; what it does not finish,
// `deployctl resume` finishes from anywhere.
import { deployctl, shared } from './cli.js';
import { addSummary, annotate, input, mask } from './runner.js';
import { summary } from './summary.js';

mask(process.env.DISCORD_WEBHOOK_URL ?? '');
if (process.env.STATE_changing === undefined || process.env.STATE_changing === '') {
  process.stdout.write('nothing was begun, so there is nothing to undo\n');
} else {
  await recover();
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
  if (aborted.code !== 0) {
    process.stdout.write('no rollout was left half-way\n');
    return;
  }
  const { code, stdout } = await deployctl(['resume', '--lock-wait', '1m', ...shared(), '--json']);
  let result;
  try {
    result = JSON.parse(stdout);
  } catch {
    result = {
      error: {
        message: `deployctl resume ended with exit code ${code}`,
        next: ['deployctl status', 'deployctl resume'],
      },
    };
  }
  addSummary(summary('resume after the cancellation', result.outcome ?? 'failed', result, []));
  // 10: undone, the earlier release serves.
  if (code !== 0 && code !== 10)
    annotate('error', 'deployctl: not undone', 'Next: deployctl status, then deployctl resume');
  if (code !== 0 && code !== 10) process.exitCode = code;
}
