import { z } from 'zod';
import { argv, duration, list, plainText } from './scalars.js';

const SHAPE = 'write { run: ["./hook.sh", "argument"] } or { shell: "./hook.sh | tee hook.log" }';

const hook = z
  .strictObject(
    {
      run: argv('["./hook.sh"]').min(1, 'empty; a hook needs a command').optional().describe('Command and arguments, run without a shell'),
      shell: plainText('write a line for sh').optional().describe('One line for `sh -c`, where pipes or variables are wanted'),
      timeout: duration(1000, 3_600_000).prefault('1m').describe('Longest run; what takes longer is ended and counts as failed'),
    },
    { error: (issue) => (issue.code === 'invalid_type' ? SHAPE : undefined) },
  )
  .superRefine((value, context) => {
    if ((value.run === undefined) === (value.shell === undefined)) {
      context.addIssue({ code: 'custom', message: `names ${value.run === undefined ? 'neither run nor' : 'both run and'} shell; ${SHAPE}` });
    }
  });

const hooksAt = () => list(hook, '[{ run: ["./hook.sh"] }]').prefault([]);

export const hooks = z.strictObject({
  'pre-rollout': hooksAt().describe('Before anything is changed; a failure refuses the rollout'),
  'pre-traffic': hooksAt().describe('Before traffic moves for the first time; a failure rolls back'),
  'post-shift': hooksAt().describe('After each shift of traffic; a failure is a warning (gates judge a release)'),
  success: hooksAt().describe('After a rollout or rollback that succeeded'),
  failure: hooksAt().describe('After one that failed, was rolled back or is held'),
});
