import { BaseCommand } from '../base-command.js';
import type { SteerResult } from '../operations/steer.js';
import { durationFlag } from '../presentation/duration-flag.js';
import { reasonFlag, reasonOf } from '../presentation/reason-flag.js';
import { steerText } from '../presentation/steer.js';

export default class Pause extends BaseCommand {
  static override summary = 'hold the running rollout before its next change, from any terminal';
  static override description = `What has been begun is finished first: an instance that is out of the load balancer comes back. Gates go on meanwhile, and a release that
turns bad is rolled back all the same. promote ends the pause, abort goes back; when its time is over and nobody has decided, the rollout
ends as held (exit 14), and resume goes on with it.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --for 1h --reason "looking at the checkout"',
  ];
  static override flags = {
    for: durationFlag(1000)({
      description: 'how long it may last: 30m',
      default: 30 * 60_000,
      defaultHelp: () => Promise.resolve('30m'),
    }),
    reason: reasonFlag('why, for whoever follows it'),
  };

  async run(): Promise<SteerResult> {
    const { flags } = await this.parse(Pause);
    return this.operate({ ...flags, changes: true }, async (box) => {
      const { steer } = await import('../operations/steer.js');
      const result = await steer(box, 'pause', { for: flags.for, ...reasonOf(flags) });
      this.print(steerText(result));
      return result;
    });
  }
}
