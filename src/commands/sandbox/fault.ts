import { Args, Flags } from '@oclif/core';
import { ReportingCommand } from '../../base-command.js';

export default class SandboxFault extends ReportingCommand {
  static override description =
    'make the sandbox misbehave: API errors, lost commands, dead agents and engines, ended instances, a bad registry';
  static override examples = [
    '<%= config.bin %> <%= command.id %> api-error --operation SendCommand --code ThrottlingException --times 3',
    '<%= config.bin %> <%= command.id %> api-error --operation ListCommandInvocations --code AccessDeniedException',
    '<%= config.bin %> <%= command.id %> api-html --operation DescribeTargetHealth   # what a proxy answers',
    '<%= config.bin %> <%= command.id %> ssm-duplicate --ms 2000 --times 1',
    '<%= config.bin %> <%= command.id %> instance-terminate --instance i-0123456789abcdef0',
    '<%= config.bin %> <%= command.id %> port-taken --instance i-0123456789abcdef0 --port 8082',
    '<%= config.bin %> <%= command.id %> --clear',
  ];
  static override args = {
    kind: Args.string({
      description:
        'api-error, api-drop, api-hang, api-html, ssm-duplicate, ssm-late, ssm-lost, agent-offline, agent-online, agent-absent, instance-terminate, instance-stop, instance-start, instance-reboot, lag, registry-down, registry-slow, registry-denied, image-gone, port-taken, oom-kill, docker-kill, docker-restart, disk-full, network-cut',
    }),
  };
  static override flags = {
    'state-dir': Flags.string({
      description: 'folder of the sandbox',
      env: 'DEPLOYCTL_SANDBOX_DIR',
      default: '.deployctl-sandbox',
    }),
    instance: Flags.string({ description: 'the instance that it is about' }),
    operation: Flags.string({ description: 'API operation like SendCommand; all when left out' }),
    code: Flags.string({ description: 'error code (api-error); ThrottlingException when left out' }),
    status: Flags.integer({
      description: 'HTTP status: of api-error, 400 when left out; of api-html, 200 when left out',
      min: 200,
      max: 599,
    }),
    when: Flags.option({ options: ['before', 'after'] as const })({
      description: 'before or after the call takes effect',
    }),
    ms: Flags.integer({
      description:
        'milliseconds: real ones, for lag those of AWS; api-hang hangs until the caller gives up when left out',
      min: 0,
    }),
    times: Flags.integer({ description: 'how often; until --clear when left out', min: 1 }),
    port: Flags.integer({ description: 'host port (port-taken)', min: 1, max: 65_535 }),
    image: Flags.string({ description: 'repository:tag (image-gone)' }),
    container: Flags.string({ description: 'name or id (oom-kill)' }),
    clear: Flags.boolean({ description: 'end all faults', exclusive: ['list'] }),
    list: Flags.boolean({ description: 'list the faults in force' }),
  };

  async run(): Promise<{ readonly faults: readonly unknown[] }> {
    const { args, flags } = await this.parse(SandboxFault);
    const sandbox = await import('../../sandbox/process/index.js');
    const fault = args.kind === undefined ? undefined : sandbox.faultFromFlags(args.kind, flags);
    if (fault === undefined && !flags.clear && !flags.list) {
      this.error('name a kind of fault, or --clear, or --list; see --help', { exit: 64 });
    }
    const state = await sandbox.runningState(sandbox.stateDirOf(flags['state-dir']));
    if (flags.clear) {
      await sandbox.clearFaults(state);
    }
    if (fault !== undefined) {
      await sandbox.addFault(state, fault);
    }
    const faults = await sandbox.listFaults(state);
    this.log(faults.length === 0 ? 'no fault in force' : faults.map((one) => JSON.stringify(one)).join('\n'));
    return { faults };
  }
}
