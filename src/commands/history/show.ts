import { Args } from '@oclif/core';
import { BaseCommand } from '../../base-command.js';
import type { HistoryShowResult } from '../../operations/history.js';

export default class HistoryShow extends BaseCommand {
  static override summary = 'the timeline of one rollout: who, from what to what, each step, and why it ended so';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> ro-20261124-195312-4f2a',
    '<%= config.bin %> <%= command.id %> 4f2a   # the end of an id is enough',
  ];
  static override args = { id: Args.string({ description: 'id of a rollout, or its end; left out: the newest' }) };

  async run(): Promise<HistoryShowResult> {
    const { args, flags } = await this.parse(HistoryShow);
    return this.operate(flags, async (box) => {
      const { historyShow } = await import('../../operations/history.js');
      const { historyShowText } = await import('../../presentation/history.js');
      const result = await historyShow(box, args.id);
      this.print(historyShowText(result));
      return result;
    });
  }
}
