import { Flags } from '@oclif/core';
import { BaseCommand } from '../base-command.js';

export default class Abort extends BaseCommand {
  static override summary = 'ask the running rollout to go back, from any terminal';
  static override examples = ['<%= config.bin %> <%= command.id %> --reason "error rate in the dashboard"'];
  static override flags = { reason: Flags.string({ description: 'why, for the record and the alerts' }) };

  async run(): Promise<{ readonly rollout: string; readonly next: readonly string[] }> {
    const { flags } = await this.parse(Abort);
    return this.operate(flags, async (box) => {
      const { abort } = await import('../operations/inquire.js');
      const result = await abort(box, flags.reason);
      this.log(
        [`asked ${result.rollout} to go back`, '', 'Next:', ...result.next.map((line) => `  ${line}`)].join('\n'),
      );
      return result;
    });
  }
}
