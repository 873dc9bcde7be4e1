import { BaseCommand } from '../base-command.js';
import type { SteerResult } from '../operations/steer.js';
import { reasonFlag, reasonOf } from '../presentation/reason-flag.js';
import { steerText } from '../presentation/steer.js';

export default class Promote extends BaseCommand {
  static override summary = 'end the pause or the bake of the running rollout now, from any terminal';
  static override description =
    'Ends the one that is on, not the next. Health, draining and the settle time are never cut short, and a gate that has failed still fails.';
  static override examples = ['<%= config.bin %> <%= command.id %>'];
  static override flags = { reason: reasonFlag('why, for whoever follows it') };

  async run(): Promise<SteerResult> {
    const { flags } = await this.parse(Promote);
    return this.operate({ ...flags, changes: true }, async (box) => {
      const { steer } = await import('../operations/steer.js');
      const result = await steer(box, 'promote', reasonOf(flags));
      this.print(steerText(result));
      return result;
    });
  }
}
