import { BaseCommand } from '../base-command.js';
import type { OperationResult } from '../operations/drive.js';
import { confirmer, lockWaitFlag, yesFlag } from '../presentation/confirm.js';
import { resultLine } from '../presentation/result.js';

export default class Retire extends BaseCommand {
  static override summary = 'drain and stop the idle color: gives up the warm way back, keeps its containers';
  static override description =
    'Asks first, since a rollback then starts containers before it moves traffic. With nothing in service on standby there is nothing to do (exit 0).';
  static override examples = ['<%= config.bin %> <%= command.id %>'];
  static override flags = { 'lock-wait': lockWaitFlag, yes: yesFlag };

  async run(): Promise<OperationResult> {
    const { flags } = await this.parse(Retire);
    return this.operate({ ...flags, changes: true }, async (box) => {
      const { retire } = await import('../operations/retire.js');
      const wait = flags['lock-wait'];
      const confirm = confirmer(this.asking(flags.yes), box.signal);
      const result = await retire(box, { confirm, ...(wait === undefined ? {} : { lockWait: wait }) });
      this.print(resultLine(result));
      this.ends(result.exitCode);
      return result;
    });
  }
}
