import { writeFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { Flags } from '@oclif/core';
import { ReportingCommand } from '../base-command.js';
import { DeployctlError, EXIT } from '../domain/errors.js';
import type { Seeds } from '../operations/init/draft.js';
import { pairsOf } from '../presentation/init-flags.js';
import { oneLine } from '../reporters/clean.js';

export interface InitResult {
  readonly schemaVersion: 1;
  readonly file: string;
  readonly app: string;
  readonly environment: string;
  readonly services: readonly string[];
  readonly remarks: readonly string[];
  readonly next: readonly string[];
}

export default class Init extends ReportingCommand {
  static override summary = 'write deployctl.yml from what is in the account';
  static override description = `Looks at the load balancer, its rules, the target groups, their instances and what runs there; asks at a terminal where that leaves a choice.
Changes nothing in the account, and overwrites no file without --force.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --from-terraform infra/production',
    '<%= config.bin %> <%= command.id %> --load-balancer shop --fleet-tag App=shop --repository backend=shop/backend',
  ];
  static override flags = {
    'from-terraform': Flags.string({
      description: 'Terraform folder, or a file with what terraform output -json prints',
      helpValue: 'DIR|FILE',
    }),
    config: Flags.string({ description: 'file to write', default: 'deployctl.yml', env: 'DEPLOYCTL_CONFIG' }),
    force: Flags.boolean({ description: 'overwrite the file' }),
    yes: Flags.boolean({ char: 'y', description: 'ask nothing' }),
    app: Flags.string({ description: 'name of the application' }),
    env: Flags.string({ description: 'name of the environment', env: 'DEPLOYCTL_ENV' }),
    region: Flags.string({ description: 'AWS Region', env: 'AWS_REGION' }),
    'load-balancer': Flags.string({ description: 'name of the load balancer' }),
    'fleet-tag': Flags.string({
      description: 'tag of the instances',
      helpValue: 'KEY=VALUE',
      multiple: true,
      default: [],
    }),
    repository: Flags.string({
      description: 'image repository of a service',
      helpValue: 'SERVICE=REPOSITORY',
      multiple: true,
      default: [],
    }),
  };

  async run(): Promise<InitResult> {
    const { flags } = await this.parse(Init);
    const path = resolve(flags.config);
    const { discover } = await import('../operations/init/discover.js');
    const { composeAccount } = await import('../compose/account.js');
    const { asker } = await import('../presentation/ask.js');
    const { canAsk } = await import('../presentation/question.js');
    const stop = new AbortController();
    const end = (): void => {
      stop.abort(new Error('interrupted'));
    };
    process.once('SIGINT', end);
    process.once('SIGTERM', end);
    await refuseExisting(path, flags.force);
    const seeds = await this.seeds(flags, stop.signal);
    const region = [seeds.region, process.env['AWS_DEFAULT_REGION']].find((name) => name !== undefined && name !== '');
    if (region === undefined) throw noRegion();
    const asks = !flags.yes && !this.jsonEnabled() && canAsk();
    const tell = (text: string): void => this.logToStderr(text);
    const tools = composeAccount({ region, env: process.env, signal: stop.signal, tell });
    try {
      const draft = await discover(tools, region, seeds, asker(asks, stop.signal));
      const { configText } = await import('../presentation/init.js');
      const { parseSettings } = await import('../config/load.js');
      const { isLocal } = await import('../compose/local.js');
      const text = configText(draft, isLocal(process.env['AWS_ENDPOINT_URL']));
      const name = relative(process.cwd(), path);
      // What it writes must load: a name that the account allows and the file does not is told here, with its line.
      parseSettings(text, { path, name, env: process.env });
      await write(path, text, flags.force);
      const [first] = draft.services;
      const next = ['deployctl doctor', `deployctl plan --image ${first?.name ?? 'SERVICE'}=TAG`];
      const services = draft.services.map((service) => service.name);
      this.print(`wrote ${name}: ${draft.app}/${draft.environment}, ${draft.strategy}, ${services.join(', ')}`);
      for (const remark of draft.remarks) this.print(`! ${oneLine(remark)}`);
      this.print(['', 'Next:', ...next.map((line) => `  ${line}`)].join('\n'));
      const { app, environment, remarks } = draft;
      return { schemaVersion: 1, file: path, app, environment, services, remarks, next };
    } finally {
      // What is still asked for keeps no failed command waiting.
      end();
      tools.close();
      process.off('SIGINT', end);
      process.off('SIGTERM', end);
    }
  }

  /** Flags, and under them the outputs of Terraform. */
  private async seeds(
    flags: {
      readonly 'from-terraform'?: string | undefined;
      readonly app?: string | undefined;
      readonly env?: string | undefined;
      readonly region?: string | undefined;
      readonly 'load-balancer'?: string | undefined;
      readonly 'fleet-tag': readonly string[];
      readonly repository: readonly string[];
    },
    signal: AbortSignal,
  ): Promise<Seeds> {
    const { noSeeds } = await import('../operations/init/draft.js');
    const source = flags['from-terraform'];
    let base = noSeeds;
    if (source !== undefined) {
      const { readOutputs } = await import('../compose/terraform.js');
      const { seedsOfTerraform } = await import('../operations/init/terraform.js');
      base = seedsOfTerraform(await readOutputs(source, process.cwd(), signal), source);
    }
    const tags = pairsOf('--fleet-tag', flags['fleet-tag']);
    return {
      ...base,
      repositories: { ...base.repositories, ...pairsOf('--repository', flags.repository) },
      ...(flags.app === undefined ? {} : { app: flags.app }),
      ...(flags.env === undefined ? {} : { environment: flags.env }),
      ...(flags.region === undefined ? {} : { region: flags.region }),
      ...(flags['load-balancer'] === undefined ? {} : { loadBalancer: flags['load-balancer'] }),
      ...(Object.keys(tags).length === 0 ? {} : { tags }),
    };
  }
}

async function refuseExisting(path: string, force: boolean): Promise<void> {
  const { stat } = await import('node:fs/promises');
  if (!force && (await stat(path).catch(() => undefined)) !== undefined) throw exists(path);
}

/** `wx`: a file that came in the meantime is not overwritten either. */
async function write(path: string, text: string, force: boolean): Promise<void> {
  try {
    await writeFile(path, text, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') throw exists(path);
    throw error;
  }
}

function exists(path: string): DeployctlError {
  return new DeployctlError({
    code: 'init.exists',
    message: `${path} exists; nothing was written`,
    exitCode: EXIT.refused,
    next: ['deployctl init --config OTHER.yml', 'deployctl init --force   # overwrites it'],
  });
}

function noRegion(): DeployctlError {
  return new DeployctlError({
    code: 'init.region',
    message: 'the AWS Region is not known: neither --region nor AWS_REGION nor an output of Terraform names it',
    exitCode: EXIT.usage,
    next: ['--region eu-west-1'],
  });
}
