import type { Command } from '@oclif/core';
import { Help } from '@oclif/core';
import { fold } from './reporters/fold.js';

/** oclif folds descriptions to the width of the terminal, but keeps the line breaks of the source, and lets the summary above them run on. */
export default class FoldedHelp extends Help {
  protected override log(...args: string[]): void {
    super.log(...args.map((text) => fold(text, this.opts.maxWidth)));
  }

  protected override formatCommand(command: Command.Loadable): string {
    // A line that begins in small letters, or with a flag, goes on with the sentence above it.
    const description = command.description?.replace(/(?<=\S)\n(?=[a-z-])/g, ' ');
    return super.formatCommand(description === undefined ? command : { ...command, description });
  }
}
