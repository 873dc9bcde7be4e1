import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../base-command.js';
import type { LogsResult } from '../operations/containers.js';

export default class Logs extends BaseCommand {
  static override summary = 'the newest log lines of a service, from every instance, through SSM';
  static override description =
    'Of the color that has the traffic, or --color. SSM hands on 24,000 characters an answer: where that cuts, it is said.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> backend',
    '<%= config.bin %> <%= command.id %> backend --instance shop-1 --since 10m --tail 500',
    '<%= config.bin %> <%= command.id %> backend --follow',
  ];
  static override args = { service: Args.string({ description: 'name of the service', required: true }) };
  static override flags = {
    instance: Flags.string({ description: 'only this instance, by id or name' }),
    color: Flags.option({ options: ['blue', 'green'] as const })({
      description: 'instead of the one with the traffic',
    }),
    tail: Flags.integer({ description: 'lines of each container', default: 100, min: 1, max: 10_000 }),
    since: Flags.string({ description: 'not older than: 10m, 2026-11-24T19:53:12Z' }),
    follow: Flags.boolean({ char: 'f', description: 'go on with what comes; Ctrl-C ends it', exclusive: ['json'] }),
  };

  async run(): Promise<LogsResult> {
    const { args, flags } = await this.parse(Logs);
    return this.operate(flags, async (box) => {
      const { followLogs, logs } = await import('../operations/containers.js');
      const { logsText } = await import('../presentation/containers.js');
      const choice = {
        service: args.service,
        ...(flags.instance === undefined ? {} : { instance: flags.instance }),
        ...(flags.color === undefined ? {} : { color: flags.color }),
      };
      const options = { tail: flags.tail, ...(flags.since === undefined ? {} : { since: flags.since }) };
      if (flags.follow) {
        for await (const batch of followLogs(box, choice, options)) {
          const text = logsText(batch);
          if (text !== '') this.log(text);
        }
      }
      const result = await logs(box, choice, options);
      this.log(logsText(result.logs));
      return result;
    });
  }
}
