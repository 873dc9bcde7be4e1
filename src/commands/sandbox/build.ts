import { resolve } from 'node:path';
import { Args, Flags } from '@oclif/core';
import { ReportingCommand } from '../../base-command.js';

export default class SandboxBuild extends ReportingCommand {
  static override description = "build a folder's Dockerfile and push the image to the sandbox's registry";
  static override examples = [
    '<%= config.bin %> <%= command.id %> ./backend --tag shop/backend:1.2.0 --build-arg VERSION=1.2.0',
  ];
  static override args = { dir: Args.string({ description: 'folder with a Dockerfile', required: true }) };
  static override flags = {
    'state-dir': Flags.string({
      description: 'folder of the sandbox',
      env: 'DEPLOYCTL_SANDBOX_DIR',
      default: '.deployctl-sandbox',
    }),
    tag: Flags.string({ char: 't', description: 'repository:tag', required: true }),
    'build-arg': Flags.string({ description: 'NAME=VALUE for an ARG of the Dockerfile', multiple: true, default: [] }),
  };

  async run(): Promise<{ readonly reference: string; readonly digest: string }> {
    const { args, flags } = await this.parse(SandboxBuild);
    const sandbox = await import('../../sandbox/process/index.js');
    const state = await sandbox.runningState(sandbox.stateDirOf(flags['state-dir']));
    const digest = await sandbox.buildImage(state, {
      context: resolve(args.dir),
      reference: flags.tag,
      args: sandbox.buildArguments(flags['build-arg']),
    });
    this.log(`${flags.tag}@${digest}`);
    return { reference: flags.tag, digest };
  }
}
