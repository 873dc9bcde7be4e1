import type { Hook } from '@oclif/core';
import { quoted, ReportingCommand } from '../base-command.js';
import { nearest } from '../config/suggest.js';
import { DeployctlError, EXIT } from '../domain/errors.js';

/** A command that does not exist, reported as every other mistake of usage is: text or JSON, and what was probably meant. */
const commandNotFound: Hook<'command_not_found'> = async function ({ id, argv = [], config }) {
  const names = config.commands.filter(({ hidden }) => !hidden).map((command) => spoken(command.id));
  class NotFound extends ReportingCommand {
    static override id = id;
    static override strict = false;

    run(): Promise<never> {
      throw noSuchCommand(spoken(id), argv, names);
    }
  }
  await NotFound.run([...argv], config);
};

/** `usage.command` (exit 64), with the one of `names` that was probably meant. */
export function noSuchCommand(typed: string, argv: readonly string[], names: readonly string[]): DeployctlError {
  const meant = nearest(typed, names);
  return new DeployctlError({
    code: 'usage.command',
    message: `there is no command "${typed}"${meant === undefined ? '' : `; did you mean "${meant}"?`}`,
    exitCode: EXIT.usage,
    next: [...(meant === undefined ? [] : [['deployctl', meant, ...argv.map(quoted)].join(' ')]), 'deployctl --help'],
  });
}

const spoken = (id: string): string => id.replaceAll(':', ' ');

export default commandNotFound;
