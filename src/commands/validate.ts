import { Flags } from '@oclif/core';
import { BaseCommand } from '../base-command.js';
import type { ValidateResult } from '../operations/validate.js';
import { durationFlag } from '../presentation/duration-flag.js';

export default class Validate extends BaseCommand {
  static override summary =
    'watch what serves now with the probes of the configuration, and go back on a failure if asked to';
  static override description = `A validation, then a longer monitoring, by the probes of validation (of gates where it has none) and by the health of the targets. For
after a rollout with --skip-validation, or at any time. It changes nothing, but with --auto-rollback a failure rolls back.

EXIT CODES
  0   passed
  10  failed and rolled back
  11  failed, and not rolled back
  12  a rollout runs
  64  no probes`;
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --for 2m --monitor 0s',
    '<%= config.bin %> <%= command.id %> --monitor 1h --auto-rollback',
  ];
  static override flags = {
    for: durationFlag(1000)({ description: 'length of the validation (default: validation.duration)' }),
    monitor: durationFlag(0)({
      description: 'length of the monitoring after it; 0s: none (default: validation.monitor)',
    }),
    'auto-rollback': Flags.boolean({ description: 'roll back when it fails' }),
  };

  async run(): Promise<ValidateResult> {
    const { flags } = await this.parse(Validate);
    return this.operate({ ...flags, changes: flags['auto-rollback'] }, async (box) => {
      const { validate } = await import('../operations/validate.js');
      const { validateText } = await import('../presentation/validate.js');
      const result = await validate(box, {
        autoRollback: flags['auto-rollback'],
        ...(flags.for === undefined ? {} : { for: flags.for }),
        ...(flags.monitor === undefined ? {} : { monitor: flags.monitor }),
      });
      this.print(validateText(result));
      this.ends(result.exitCode);
      return result;
    });
  }
}
