import { Flags } from '@oclif/core';
import { BaseCommand } from '../base-command.js';
import { EXIT } from '../domain/errors.js';
import type { PlanResult } from '../operations/rollout.js';
import { imageFlags, imagesOf, optionsOf, strategyFlags } from '../presentation/rollout-flags.js';

export default class Plan extends BaseCommand {
  static override summary = 'show what a rollout would do: every step, capacity and duration';
  static override description =
    'Runs the same reads, judgements and decisions as rollout over a model of the fleet. Takes no lease and changes nothing.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --backend 1.4.0 --frontend 1.4.0',
    '<%= config.bin %> <%= command.id %> --detailed-exitcode   # 2 when there is something to do',
  ];
  static override flags = {
    ...imageFlags,
    ...strategyFlags,
    'detailed-exitcode': Flags.boolean({ description: 'exit 2 when there is something to do' }),
  };

  async run(): Promise<PlanResult> {
    const { flags } = await this.parse(Plan);
    return this.operate(flags, async (box) => {
      const { plan } = await import('../operations/rollout.js');
      const { planText } = await import('../presentation/plan.js');
      const result = await plan(box, { images: imagesOf(flags, box.settings), options: optionsOf(flags) });
      this.print(planText(result, this.typedAs('rollout', ['--detailed-exitcode']), process.stdout.columns));
      if (flags['detailed-exitcode'] && result.somethingToDo) this.ends(EXIT.somethingToDo);
      return result;
    });
  }
}
