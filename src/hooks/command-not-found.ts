import type { Hook } from '@oclif/core';
import { ReportingCommand } from '../base-command.js';
import { nearest } from '../config/suggest.js';
import { DeployctlError, EXIT } from '../domain/errors.js';

/** A command that does not exist, reported as every other mistake of usage is: text or JSON, and what was probably meant. */
const commandNotFound: Hook<'command_not_found'> = async function ({ id, argv = [], config }) {
  const spoken = (name: string): string => name.replaceAll(':', ' ');
  const names = config.commands.filter(({ hidden }) => !hidden).map((command) => spoken(command.id));
  const meant = nearest(spoken(id), names);
  class NotFound extends ReportingCommand {
    static override id = id;
    static override strict = false;

    run(): Promise<never> {
      throw new DeployctlError({
        code: 'usage.command',
        message: `there is no command "${spoken(id)}"${meant === undefined ? '' : `; did you mean "${meant}"?`}`,
        exitCode: EXIT.usage,
        next: [...(meant === undefined ? [] : [['deployctl', meant, ...argv].join(' ')]), 'deployctl --help'],
      });
    }
  }
  await NotFound.run([...argv], config);
};

export default commandNotFound;
