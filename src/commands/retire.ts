import { BaseCommand } from '../base-command.js';
import type { OperationResult } from '../operations/drive.js';
import { lockWaitFlag } from '../presentation/confirm.js';
import { resultLine } from '../presentation/result.js';

export default class Retire extends BaseCommand {
  static override summary = 'drain and stop the idle color: gives up the warm way back, keeps its containers';
  static override examples = ['<%= config.bin %> <%= command.id %>'];
  static override flags = { 'lock-wait': lockWaitFlag };

  async run(): Promise<OperationResult> {
    const { flags } = await this.parse(Retire);
    return this.operate(flags, async (box) => {
      const { retire } = await import('../operations/retire.js');
      const wait = flags['lock-wait'];
      const result = await retire(box, wait === undefined ? {} : { lockWait: wait });
      this.print(resultLine(result));
      this.ends(result.exitCode);
      return result;
    });
  }
}
