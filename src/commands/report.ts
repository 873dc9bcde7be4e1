import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../base-command.js';
import { DeployctlError, EXIT } from '../domain/errors.js';
import type { ReportResult } from '../operations/report.js';

export default class Report extends BaseCommand {
  static override summary = 'one rollout as a page to look at or to send: traffic, instances, probes, timeline';
  static override description = `The page is one file that loads nothing: no script, no font, no image. It is drawn from what was stored at the end of the rollout; with
--events from the event log of its process, in which a rollout that still runs, or was killed, can be seen too. FILE is overwritten.

EXIT CODES
  0   written
  12  no such rollout
  64  no file is named, or it cannot be read or written`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> 4f2a --html rollout.html',
    '<%= config.bin %> <%= command.id %> 4f2a --html - --events events.ndjson > rollout.html',
    '<%= config.bin %> <%= command.id %> 4f2a --json',
  ];
  static override args = { id: Args.string({ description: 'id of a rollout, or its end', required: true }) };
  static override flags = {
    html: Flags.string({ description: 'file to write the page to; -: stdout', helpValue: 'FILE' }),
    events: Flags.string({
      description: 'event log of the rollout, in the place of what was stored',
      helpValue: 'FILE',
    }),
  };

  async run(): Promise<ReportResult> {
    const { args, flags } = await this.parse(Report);
    const { html, events, ...where } = flags;
    if (html === undefined && !this.jsonEnabled()) {
      throw new DeployctlError({
        code: 'usage.report',
        message: 'report writes a page: name its file',
        exitCode: EXIT.usage,
        next: [`deployctl report ${args.id} --html rollout.html`, `deployctl history show ${args.id}`],
      });
    }
    const { readInput, writeOutput } = await import('../compose/files.js');
    const { pictureOf } = await import('../presentation/report/event-log.js');
    const logged = events === undefined ? undefined : pictureOf(await readInput('--events', events), events);
    return this.operate(where, async (box) => {
      const { report } = await import('../operations/report.js');
      const result = await report(box, args.id, logged);
      if (html === undefined) return result;
      const { reportPage } = await import('../presentation/report/page.js');
      const page = reportPage(result);
      if (html === '-') this.raw(page.trimEnd());
      else {
        await writeOutput('--html', html, page);
        this.log(
          `wrote ${html}: ${result.kind} ${result.rollout} of ${result.app}/${result.environment}, ${result.outcome}`,
        );
      }
      return result;
    });
  }
}
