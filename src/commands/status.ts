import { BaseCommand } from '../base-command.js';
import type { StatusResult } from '../operations/inquire.js';

export default class Status extends BaseCommand {
  static override summary = 'what runs where, since when, by whom, and what to type next';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];

  async run(): Promise<StatusResult> {
    const { flags } = await this.parse(Status);
    return this.operate(flags, async (box) => {
      const { status } = await import('../operations/inquire.js');
      const { statusText } = await import('../presentation/status.js');
      const result = await status(box);
      this.log(statusText(result));
      return result;
    });
  }
}
