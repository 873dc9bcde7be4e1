import { Flags } from '@oclif/core';
import { ReportingCommand } from '../../base-command.js';

const WORDS = {
  none: 'no sandbox runs',
  closed: 'the sandbox is down',
  killed: 'the sandbox did not end by itself and was killed',
};

export default class SandboxDown extends ReportingCommand {
  static override description = 'end the sandbox and all that it started; its logs stay';
  static override flags = {
    'state-dir': Flags.string({
      description: 'folder of the sandbox',
      env: 'DEPLOYCTL_SANDBOX_DIR',
      default: '.deployctl-sandbox',
    }),
  };

  async run(): Promise<{ readonly ending: 'none' | 'closed' | 'killed' }> {
    const { flags } = await this.parse(SandboxDown);
    const sandbox = await import('../../sandbox/process/index.js');
    const stateDir = sandbox.stateDirOf(flags['state-dir']);
    const ending = await sandbox.takeDown(stateDir);
    this.print(`${WORDS[ending]} in ${stateDir}`);
    return { ending };
  }
}
