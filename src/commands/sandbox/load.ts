import { Flags } from '@oclif/core';
import { ReportingCommand } from '../../base-command.js';

export default class SandboxLoad extends ReportingCommand {
  static override description =
    "send requests to the sandbox's load balancer at a fixed rate, without retries; exit 1 if one failed. Ctrl-C ends it";
  static override examples = [
    '<%= config.bin %> <%= command.id %> --duration 30s',
    '<%= config.bin %> <%= command.id %> --rate 500 --path /api/',
  ];
  static override flags = {
    'state-dir': Flags.string({
      description: 'folder of the sandbox',
      env: 'DEPLOYCTL_SANDBOX_DIR',
      default: '.deployctl-sandbox',
    }),
    rate: Flags.integer({ description: 'requests per second', default: 200, min: 1, max: 20_000 }),
    connections: Flags.integer({ description: 'keep-alive connections', default: 50, min: 1, max: 2_000 }),
    duration: Flags.string({ description: 'like 30s or 5m; without it until Ctrl-C' }),
    path: Flags.string({ description: 'path to ask for; several take turns', multiple: true, default: ['/', '/api/'] }),
  };

  async run(): Promise<Record<string, unknown>> {
    const { flags } = await this.parse(SandboxLoad);
    const sandbox = await import('../../sandbox/process/index.js');
    const { loadLine, loadTable, runLoad } = await import('../../sandbox/load/index.js');
    const durationMs = flags.duration === undefined ? undefined : sandbox.durationOf('--duration', flags.duration);
    const url = sandbox.loadBalancerUrl(await sandbox.runningState(sandbox.stateDirOf(flags['state-dir'])));
    const summary = await sandbox.untilInterrupted((signal) =>
      runLoad({
        url,
        rate: flags.rate,
        connections: flags.connections,
        paths: flags.path,
        signal,
        ...(durationMs === undefined ? {} : { durationMs }),
        onSecond: (seen) => this.logToStderr(loadLine(seen)),
      }),
    );
    loadTable(summary).forEach((line) => this.log(line));
    if (summary.failures > 0) {
      process.exitCode = 1;
    }
    return { ...summary };
  }
}
