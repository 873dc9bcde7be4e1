import { Flags } from '@oclif/core';
import { BaseCommand } from '../base-command.js';
import type { HistoryResult } from '../operations/history.js';

export default class History extends BaseCommand {
  static override summary = 'the last rollouts and rollbacks, newest first, each with its reason';
  static override examples = ['<%= config.bin %> <%= command.id %> --limit 5'];
  static override flags = {
    limit: Flags.integer({ description: 'how many', default: 20, min: 1, max: 50 }),
  };

  async run(): Promise<HistoryResult> {
    const { flags } = await this.parse(History);
    return this.operate(flags, async (box) => {
      const { history } = await import('../operations/history.js');
      const { historyText } = await import('../presentation/history.js');
      const result = await history(box, flags.limit);
      this.print(historyText(result));
      return result;
    });
  }
}
