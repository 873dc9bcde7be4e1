import { resolve } from 'node:path';
import { Flags } from '@oclif/core';
import { ReportingCommand } from '../../base-command.js';
import type { ControlAt } from '../../sandbox/process/index.js';

export default class SandboxUp extends ReportingCommand {
  static override description =
    'start AWS on this machine: a fleet, a load balancer and real command execution, serving release 1.0.0 of a small shop';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --detach',
    '<%= config.bin %> <%= command.id %> --instances 2',
  ];
  static override flags = {
    'state-dir': Flags.string({
      description: 'folder of the sandbox',
      env: 'DEPLOYCTL_SANDBOX_DIR',
      default: '.deployctl-sandbox',
    }),
    instances: Flags.integer({ description: 'size of the fleet', default: 4, min: 1, max: 50 }),
    'time-scale': Flags.custom<number>({ parse: (text) => Promise.resolve(scaleOf(text)) })({
      description: "how many times faster than AWS; 1 is AWS's own speed",
      default: 10,
    }),
    runtime: Flags.option({ options: ['process', 'docker'] as const })({
      description: 'how containers run: process needs no Docker, docker is real engines and needs root',
      default: 'process',
    }),
    region: Flags.string({ description: 'AWS region that it plays', default: 'eu-west-1' }),
    release: Flags.boolean({ description: 'run release 1.0.0 of the shop', default: true, allowNo: true }),
    policy: Flags.string({
      description: 'IAM policy that clients are held to, as deployctl iam-policy prints it; the root key is not',
      helpValue: 'FILE',
    }),
    detach: Flags.boolean({ char: 'd', description: 'return when the fleet serves; it goes on in the background' }),
  };

  async run(): Promise<Record<string, unknown>> {
    const { flags } = await this.parse(SandboxUp);
    const sandbox = await import('../../sandbox/process/index.js');
    const options = {
      stateDir: sandbox.stateDirOf(flags['state-dir']),
      instances: flags.instances,
      timeScale: flags['time-scale'],
      runtime: flags.runtime,
      region: flags.region,
      release: flags.release,
      ...(flags.policy === undefined ? {} : { policy: resolve(flags.policy) }),
    };
    return sandbox.untilInterrupted(async (signal) => {
      let status: Record<string, unknown> = {};
      const tell = async (state: ControlAt, how: 'foreground' | 'detached'): Promise<void> => {
        status = await sandbox.getStatus(state);
        sandbox.upSummary(status, options.stateDir, how).forEach((line) => this.print(line));
      };
      if (flags.detach) {
        const program = [...process.execArgv, process.argv[1] ?? ''];
        await tell(await sandbox.upDetached(options, program, signal), 'detached');
      } else {
        const progress = (line: string): void => this.logToStderr(line);
        const { up } = await import('../../sandbox/process/run.js');
        await up(options, { progress, serving: (state) => tell(state, 'foreground') }, signal);
      }
      return status;
    });
  }
}

function scaleOf(text: string): number {
  const scale = Number(text);
  if (!Number.isFinite(scale) || scale <= 0 || scale > 1000) {
    throw new Error(`--time-scale is ${text}; it must be a number above 0 and up to 1000`);
  }
  return scale;
}
