import { Args } from '@oclif/core';
import { ReportingCommand } from '../base-command.js';
import type { CompletedCommand } from '../presentation/completion.js';
import { completionScript, shells } from '../presentation/completion.js';

export default class Completion extends ReportingCommand {
  static override summary = 'print a completion script for bash, zsh or fish';
  static override examples = [
    'eval "$(<%= config.bin %> <%= command.id %> bash)"',
    '<%= config.bin %> <%= command.id %> zsh > ~/.zfunc/_deployctl',
    '<%= config.bin %> <%= command.id %> fish > ~/.config/fish/completions/deployctl.fish',
  ];
  static override args = {
    shell: Args.string({ description: 'the shell', required: true, options: [...shells] }),
  };

  async run(): Promise<{ readonly schemaVersion: 1; readonly script: string }> {
    const { args } = await this.parse(Completion);
    const shell = shells.find((one) => one === args.shell) ?? 'bash';
    const commands = this.config.commands
      .filter(({ hidden }) => !hidden)
      .map(({ id, summary, description, flags }): CompletedCommand => {
        const known = Object.values(flags).filter((flag) => flag.hidden !== true);
        return {
          name: id.replaceAll(':', ' '),
          summary: firstLine(summary ?? description),
          flags: known.map((flag) => ({
            name: flag.name,
            summary: firstLine(flag.summary ?? flag.description),
            takesValue: flag.type === 'option',
            values: flag.type === 'option' ? (flag.options ?? []) : [],
          })),
        };
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const script = completionScript(shell, this.config.bin, commands);
    this.raw(script.trimEnd());
    return { schemaVersion: 1, script };
  }
}

const firstLine = (text: string | undefined): string => (text ?? '').split('\n')[0] ?? '';
