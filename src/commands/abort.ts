import { BaseCommand } from '../base-command.js';
import type { SteerResult } from '../operations/steer.js';
import { reasonFlag, reasonOf } from '../presentation/reason-flag.js';
import { steerText } from '../presentation/steer.js';

export default class Abort extends BaseCommand {
  static override summary = 'ask the running rollout to go back, from any terminal';
  static override description =
    'Its process picks the request up within one observation. Where that process is gone, nobody hears it: rollback, or resume, is what acts then.';
  static override examples = ['<%= config.bin %> <%= command.id %> --reason "error rate in the dashboard"'];
  static override flags = { reason: reasonFlag('why, for the record and the alerts') };

  async run(): Promise<SteerResult> {
    const { flags } = await this.parse(Abort);
    return this.operate({ ...flags, changes: true }, async (box) => {
      const { steer } = await import('../operations/steer.js');
      const result = await steer(box, 'abort', reasonOf(flags));
      this.print(steerText(result));
      return result;
    });
  }
}
