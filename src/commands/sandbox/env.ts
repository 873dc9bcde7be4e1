import { Flags } from '@oclif/core';
import { ReportingCommand } from '../../base-command.js';

export default class SandboxEnv extends ReportingCommand {
  static override description = 'print shell exports that point any AWS client at the sandbox, with its keys';
  static override examples = [
    'eval "$(<%= config.bin %> <%= command.id %>)"',
    'eval "$(<%= config.bin %> <%= command.id %> --unset)"',
  ];
  static override flags = {
    'state-dir': Flags.string({
      description: 'folder of the sandbox',
      env: 'DEPLOYCTL_SANDBOX_DIR',
      default: '.deployctl-sandbox',
    }),
    root: Flags.boolean({
      description: 'with the root key, which no policy limits',
      exclusive: ['unset'],
    }),
    unset: Flags.boolean({ description: 'print what takes the exports back' }),
  };

  async run(): Promise<Record<string, string>> {
    const { flags } = await this.parse(SandboxEnv);
    const sandbox = await import('../../sandbox/process/index.js');
    if (flags.unset) {
      sandbox.unsetLines().forEach((line) => this.raw(line));
      return {};
    }
    const state = await sandbox.runningState(sandbox.stateDirOf(flags['state-dir']));
    const caller = flags.root ? 'root' : 'client';
    sandbox.exportLines(state, caller).forEach((line) => this.raw(line));
    return sandbox.environment(state, caller);
  }
}
