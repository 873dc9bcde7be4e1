import { Args, Flags } from '@oclif/core';
import { BaseCommand, errorText } from '../base-command.js';
import type { ExecResult } from '../operations/exec.js';
import { durationFlag } from '../presentation/duration-flag.js';

export default class Exec extends BaseCommand {
  static override summary =
    'run a command in the running container of a service, on every instance or one, through SSM';
  static override description = `Runs on one instance after the other. No shell is between: words arrive as they were typed. SSM hands on 24,000 characters of output; where that cuts, it is said. SSM keeps
commands in its history: a secret does not belong in one.

EXIT CODES
  0   all ended with 0
  1   one did not: its own code is in the output
  12  nothing to run it in
  14  an instance gave no result; what the others gave is shown`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> backend -- node --version',
    '<%= config.bin %> <%= command.id %> backend --instance shop-1 -- sh -c "ls /tmp | wc -l"',
  ];
  static override strict = false;
  static override args = { service: Args.string({ description: 'name of the service', required: true }) };
  static override flags = {
    instance: Flags.string({ description: 'only this instance, by id or name' }),
    color: Flags.option({ options: ['blue', 'green'] as const })({
      description: 'instead of the one with the traffic',
    }),
    timeout: durationFlag(1000)({
      description: 'longest run on an instance',
      default: 60_000,
      defaultHelp: () => Promise.resolve('1m'),
    }),
  };

  async run(): Promise<ExecResult> {
    const { args, argv, flags } = await this.parse(Exec);
    const command = argv.slice(1).map(String);
    if (command.length === 0)
      this.error('name the command after --: deployctl exec backend -- node --version', { exit: 64 });
    return this.operate(flags, async (box) => {
      const { exec } = await import('../operations/exec.js');
      const { execText, stoppedText } = await import('../presentation/containers.js');
      const choice = {
        service: args.service,
        ...(flags.instance === undefined ? {} : { instance: flags.instance }),
        ...(flags.color === undefined ? {} : { color: flags.color }),
      };
      const result = await exec(box, choice, command, flags.timeout);
      this.log(execText(result));
      if (result.stopped !== undefined)
        this.logToStderr(errorText({ message: stoppedText(result.stopped), next: this.typable(result).next }));
      this.ends(result.exitCode);
      return result;
    });
  }
}
