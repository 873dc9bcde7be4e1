import { Flags } from '@oclif/core';
import { BaseCommand } from '../base-command.js';
import { confirmer, eventsFlag, lockWaitFlag, yesFlag } from '../presentation/confirm.js';
import { imageFlags, imagesOf, optionsOf, strategyFlags } from '../presentation/rollout-flags.js';
import { resultLine } from '../presentation/result.js';
import type { OperationResult } from '../operations/drive.js';
import type { PlanResult } from '../operations/rollout.js';

export default class Rollout extends BaseCommand {
  static override summary = 'move an environment to a new release';
  static override description = `Pulls the images while the old version serves, moves the fleet with the configured strategy, judges the new release on its own health,
and goes back by itself when it is bad. Without images it converges the fleet to the present release: what a new instance needs.

EXIT CODES
  0    done or nothing to do
  10   failed and rolled back
  11   needs a human
  12   refused before any change
  13   another rollout holds the lease
  14   waits for a human
  64   usage
  70   bug
  130  interrupted (resumable)`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> --backend 1.4.0 --frontend 1.4.0',
    '<%= config.bin %> <%= command.id %> --backend 1.4.1 --strategy rolling --max-parallel 25%',
    '<%= config.bin %> <%= command.id %> --image worker=shop/worker@sha256:… --steps 5,25,100 --bake 5m',
    '<%= config.bin %> <%= command.id %> --dry-run --backend 1.4.1',
  ];
  static override flags = {
    ...imageFlags,
    ...strategyFlags,
    'lock-wait': lockWaitFlag,
    events: eventsFlag,
    yes: yesFlag,
    'dry-run': Flags.boolean({ description: 'show every step, change nothing (the same as plan)' }),
  };

  async run(): Promise<OperationResult | PlanResult> {
    const { flags } = await this.parse(Rollout);
    return this.operate({ ...flags, changes: !flags['dry-run'] }, async (box) => {
      const request = {
        images: imagesOf(flags, box.settings),
        options: optionsOf(flags),
        ...(flags['lock-wait'] === undefined ? {} : { lockWait: flags['lock-wait'] }),
      };
      const operations = await import('../operations/rollout.js');
      if (flags['dry-run']) {
        const { planText } = await import('../presentation/plan.js');
        const plan = await operations.plan(box, request);
        this.print(planText(plan, this.typedAs('rollout', ['--dry-run']), process.stdout.columns));
        return plan;
      }
      const confirm = confirmer(this.asking(flags.yes), box.signal);
      const result = await operations.rollout(box, { ...request, confirm });
      this.print(resultLine(result));
      this.ends(result.exitCode);
      return result;
    });
  }
}
