import { BaseCommand } from '../base-command.js';
import type { OperationResult } from '../operations/drive.js';
import { eventsFlag, lockWaitFlag } from '../presentation/confirm.js';
import { resultLine } from '../presentation/result.js';

export default class Resume extends BaseCommand {
  static override summary = 'continue a rollout that was interrupted, from what is observed';
  static override description = `The rollout continues as it was asked for: images, strategy, steps, --bake, timing and gates are those of its record. Changes to
deployctl.yml since then count for the next rollout. To change course: deployctl rollback, then a new rollout.`;
  static override examples = ['<%= config.bin %> <%= command.id %>'];
  static override flags = { 'lock-wait': lockWaitFlag, events: eventsFlag };

  async run(): Promise<OperationResult> {
    const { flags } = await this.parse(Resume);
    return this.operate({ ...flags, changes: true }, async (box) => {
      const { resume } = await import('../operations/resume.js');
      const wait = flags['lock-wait'];
      const result = await resume(box, wait === undefined ? {} : { lockWait: wait });
      this.print(resultLine(result));
      this.ends(result.exitCode);
      return result;
    });
  }
}
