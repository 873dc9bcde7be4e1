import { Flags } from '@oclif/core';
import { BaseCommand } from '../base-command.js';
import type { OperationResult } from '../operations/drive.js';
import { confirmer, eventsFlag, lockWaitFlag, yesFlag } from '../presentation/confirm.js';
import { resultLine } from '../presentation/result.js';

export default class Rollback extends BaseCommand {
  static override summary = 'go back to the release that served before';
  static override description = `Takes the quickest safe way: weights, when the earlier release is still warm; else the containers that are kept on the instances; else a pull.
A rollout that did not end is undone; a rollback that did not end goes on. Instances that cannot be reached are left out and named.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --to r-20261124-195312-4f2a --yes',
  ];
  static override flags = {
    to: Flags.string({ description: 'release to go back to (see history)' }),
    force: Flags.boolean({ description: 'skip the conditions of the preflight, and say so' }),
    'lock-wait': lockWaitFlag,
    events: eventsFlag,
    yes: yesFlag,
  };

  async run(): Promise<OperationResult> {
    const { flags } = await this.parse(Rollback);
    return this.operate({ ...flags, changes: true }, async (box) => {
      const { rollback } = await import('../operations/rollback.js');
      const result = await rollback(box, {
        force: flags.force,
        confirm: confirmer(this.asking(flags.yes), box.signal),
        ...(flags.to === undefined ? {} : { to: flags.to }),
        ...(flags['lock-wait'] === undefined ? {} : { lockWait: flags['lock-wait'] }),
      });
      this.print(resultLine(result));
      this.ends(result.exitCode);
      return result;
    });
  }
}
