import { Flags } from '@oclif/core';
import { ReportingCommand } from '../../base-command.js';

export default class SandboxStatus extends ReportingCommand {
  static override description = 'show the sandbox: its endpoint, load balancer, target groups and instances';
  static override flags = {
    'state-dir': Flags.string({
      description: 'folder of the sandbox',
      env: 'DEPLOYCTL_SANDBOX_DIR',
      default: '.deployctl-sandbox',
    }),
  };

  async run(): Promise<Record<string, unknown>> {
    const { flags } = await this.parse(SandboxStatus);
    const sandbox = await import('../../sandbox/process/index.js');
    const state = await sandbox.runningState(sandbox.stateDirOf(flags['state-dir']));
    const status = await sandbox.getStatus(state);
    sandbox.statusLines(status).forEach((line) => this.print(line));
    return status;
  }
}
