import { Flags } from '@oclif/core';
import { BaseCommand } from '../base-command.js';
import { EXIT } from '../domain/errors.js';
import type { ExitCode } from '../domain/errors.js';
import type { StatusResult } from '../operations/status.js';
import type { Toolbox } from '../operations/toolbox.js';
import type { WatchView } from '../presentation/watch.js';

export default class Status extends BaseCommand {
  static override summary = 'what runs where, since when, by whom, what a rollout waits for, and what to type next';
  static override description = `--watch follows the rollout that runs, whoever started it, until it ends, and gives its exit code: 0, 10 or 11; 14 when nobody drives it any
more. Ctrl-C ends the watching (130), not the rollout. With --json it is the last status, printed once at the end.

Exit 12 when a call to AWS failed that it needs. Where only the instances could not be inspected, everything else is printed all the same.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --watch',
    '<%= config.bin %> <%= command.id %> --json',
  ];
  static override flags = {
    watch: Flags.boolean({ char: 'w', description: 'follow the running rollout until it ends' }),
  };

  async run(): Promise<StatusResult> {
    const { flags } = await this.parse(Status);
    if (flags.watch) {
      const { linesView, screenView } = await import('../presentation/watch.js');
      const view = process.stdout.isTTY ? screenView(process.stdout) : linesView(process.stdout);
      return this.operate({ ...flags, shown: (note) => view.note(note, Date.now()) }, (box) => this.watch(box, view));
    }
    return this.operate(flags, async (box) => {
      const { status } = await import('../operations/status.js');
      const { statusText } = await import('../presentation/status.js');
      const result = await status(box);
      this.print(statusText(result, Date.now(), process.stdout.columns));
      if (result.unread !== undefined) this.ends(EXIT.refused);
      return result;
    });
  }

  private async watch(box: Toolbox, view: WatchView): Promise<StatusResult> {
    const { follow } = await import('../operations/status.js');
    const { endText } = await import('../presentation/watch.js');
    let first: StatusResult | undefined;
    let last: StatusResult | undefined;
    try {
      for await (const status of follow(box)) {
        first ??= status;
        last = status;
        if (!this.jsonEnabled()) view.show(this.typable(status), Date.now());
      }
    } finally {
      view.close();
    }
    if (first === undefined || last === undefined) throw new Error('following gave no status');
    const { statusText } = await import('../presentation/status.js');
    if (process.stdout.isTTY) this.print(`${statusText(last, Date.now(), process.stdout.columns)}\n`);
    this.print(endText(first, last));
    this.ends(exitOf(first, last));
    return last;
  }
}

/** The exit code of the rollout that was followed. */
function exitOf(first: StatusResult, last: StatusResult): ExitCode {
  if (first.running === undefined) return EXIT.done;
  if (last.last?.rollout !== first.running.rollout) return EXIT.inProgress;
  return { succeeded: EXIT.done, 'rolled-back': EXIT.rolledBack, failed: EXIT.needsHuman }[last.last.outcome];
}
