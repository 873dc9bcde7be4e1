import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openEventLog } from '../../src/compose/event-log.js';
import { readInput, writeOutput } from '../../src/compose/files.js';
import { installationChanged } from '../../src/compose/own-files.js';
import { onHangupOf } from '../../src/compose/process-events.js';
import { readOutputs } from '../../src/compose/terraform.js';
import { parseImage } from '../../src/config/images.js';
import { loadSettings, selectEnvironment } from '../../src/config/load.js';
import type { Config } from '@oclif/core';
import { ReportingCommand } from '../../src/base-command.js';
import { UnsendableRequest } from '../../src/engine/host-port.js';
import { choose, logs } from '../../src/operations/containers.js';
import { exec } from '../../src/operations/exec.js';
import { plan } from '../../src/operations/rollout.js';
import { checkAccount } from '../../src/operations/iam-policy.js';
import { seedsOfTerraform } from '../../src/operations/init/terraform.js';
import { discover } from '../../src/operations/init/discover.js';
import { noSeeds } from '../../src/operations/init/draft.js';
import type { Seeds } from '../../src/operations/init/draft.js';
import type { TargetKey } from '../../src/domain/ids.js';
import type { RouteFacts } from '../../src/engine/ports.js';
import type { Toolbox } from '../../src/operations/toolbox.js';
import { report } from '../../src/operations/report.js';
import { validate } from '../../src/operations/validate.js';
import { askingOf } from '../../src/presentation/confirm.js';
import { pairsOf } from '../../src/presentation/init-flags.js';
import { pictureOf } from '../../src/presentation/report/event-log.js';
import { imagesOf } from '../../src/presentation/rollout-flags.js';
import { noSuchCommand } from '../../src/hooks/command-not-found.js';
import { runningState } from '../../src/sandbox/process/state-file.js';
import { settingsOf } from '../simulation/scenario.js';
import { SMALL, parse } from '../config/helpers.js';
import { run, says } from './say.js';
import { inShop, request, Shop } from './world.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deployctl-messages-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** As `says`, with FOLDER for the folder of this test. */
const told = async (...args: Parameters<typeof says>): Promise<string> =>
  (await says(...args)).replaceAll(folder, 'FOLDER');

describe('the configuration', () => {
  it('is not there', async () => {
    const act = () => loadSettings({ cwd: folder, env: {} });
    expect(await told('config.missing', 'status', act)).toMatchInlineSnapshot(`
      "$ deployctl status
      Error: no deployctl.yml (or .yaml) in FOLDER or any folder above it

      Next:
        deployctl status --config FILE
        deployctl init   # writes one from what the AWS account has
      (exit 64)"
    `);
    const named = () => loadSettings({ file: 'x.yml', cwd: folder, env: {} });
    expect(await told('config.missing', 'status --config x.yml', named)).toMatchInlineSnapshot(`
      "$ deployctl status --config x.yml
      Error: there is no file FOLDER/x.yml

      Next:
        deployctl status --config FILE
        deployctl init --config x.yml   # writes one from what the AWS account has
      (exit 64)"
    `);
  });

  it('cannot be read', async () => {
    await mkdir(join(folder, 'dir.yml'));
    const act = () => loadSettings({ file: 'dir.yml', cwd: folder, env: {} });
    expect(await told('config.unreadable', 'status --config dir.yml', act)).toMatchInlineSnapshot(`
      "$ deployctl status --config dir.yml
      Error: can't read FOLDER/dir.yml: EISDIR: illegal operation on a directory, read

      Next:
        deployctl status --config FILE
      (exit 64)"
    `);
  });

  it('has mistakes', async () => {
    const text = SMALL.replace('health: {', 'helth: {').replace('port: 8081', 'port: 99999');
    expect(await told('config.invalid', 'status', () => parse(text))).toMatchInlineSnapshot(`
      "$ deployctl status
      Error: deployctl.yml:4: services.backend.health: required: path, passes, interval, timeout, start-timeout
      deployctl.yml:7: services.backend.helth: unknown key; did you mean "health"?
      deployctl.yml:13: environments.production.services.backend.blue.port: 99999: write a whole number from 1 to 65535

      Next:
        correct what is named above, then the same command again
      (exit 64)"
    `);
    expect(await told('config.invalid', 'status', () => parse('app: [1'))).toMatchInlineSnapshot(`
      "$ deployctl status
      Error: deployctl.yml:1: not YAML: Flow sequence in block collection must be sufficiently indented and end with a ]

      Next:
        correct what is named above, then the same command again
      (exit 64)"
    `);
  });

  it('has no such environment, or several and none was named', async () => {
    const [head = '', production = ''] = SMALL.split('  production:');
    const staging = [
      ['8081', '8082'],
      ['backend-blue', 'staging-blue'],
      ['App: shop', 'App: staging'],
      ['load-balancer: shop', 'load-balancer: staging'],
    ].reduce((text, [from = '', to = '']) => text.replace(from, to), production);
    const two = parse(`${head}  production:${production}  staging:${staging}`);
    const select = (name: string | undefined) => () => selectEnvironment(two, name);
    expect(await told('config.environment', 'rollout --backend 1.1.0', select(undefined))).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend 1.1.0
      Error: /app/deployctl.yml has 2 environments (production, staging) and none was named

      Next:
        deployctl rollout --backend 1.1.0 --env production
        deployctl rollout --backend 1.1.0 --env staging
      (exit 64)"
    `);
    expect(await told('config.environment', 'rollout --env prodution --backend 1.1.0', select('prodution')))
      .toMatchInlineSnapshot(`
      "$ deployctl rollout --env prodution --backend 1.1.0
      Error: environment "prodution" is not in /app/deployctl.yml, which has production, staging

      Next:
        deployctl rollout --backend 1.1.0 --env production
      (exit 64)"
    `);
    expect(await told('config.environment', 'status --env x', select('x'))).toMatchInlineSnapshot(`
      "$ deployctl status --env x
      Error: environment "x" is not in /app/deployctl.yml, which has production, staging

      Next:
        deployctl status --env production
        deployctl status --env staging
      (exit 64)"
    `);
  });
});

describe('what was typed', () => {
  const settings = settingsOf({
    strategy: 'rolling',
    layout: 'ports',
    change: 'backend',
    fleet: 2,
    fate: 'good',
    before: 'released',
    seed: 1,
  });

  it('names no service, an unknown one, or one twice', async () => {
    const act =
      (...image: string[]) =>
      () =>
        imagesOf({ image }, settings);
    expect(await told('usage.service', 'rollout --image 1.2.0', act('1.2.0'))).toMatchInlineSnapshot(`
      "$ deployctl rollout --image 1.2.0
      Error: --image 1.2.0 names no service; write it like --image backend=1.2.0

      Next:
        deployctl rollout --help
      (exit 64)"
    `);
    expect(await told('usage.service', 'rollout --image worker=1', act('worker=1'))).toMatchInlineSnapshot(`
      "$ deployctl rollout --image worker=1
      Error: environment sim has no service worker; it has backend, frontend

      Next:
        deployctl rollout --help
      (exit 64)"
    `);
    expect(await told('usage.service', 'rollout --image backend=1 --image backend=2', act('backend=1', 'backend=2')))
      .toMatchInlineSnapshot(`
      "$ deployctl rollout --image backend=1 --image backend=2
      Error: service backend is given two images; name it once

      Next:
        deployctl rollout --help
      (exit 64)"
    `);
    const logsOf = () => inShop((box) => choose(box, { service: 'worker' }));
    expect(await told('usage.service', 'logs worker', logsOf)).toMatchInlineSnapshot(`
      "$ deployctl logs worker
      Error: environment sim has no service worker; it has backend, frontend

      Next:
        deployctl logs --help
      (exit 64)"
    `);
  });

  it('is no image, no duration, no pair', async () => {
    expect(
      await told('usage.value', 'rollout --backend shop/backend', () => parseImage('shop/backend', 'shop/backend')),
    ).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend shop/backend
      Error: "shop/backend": has no version; add a tag (shop/backend:1.2.0) or a digest (shop/backend@sha256:…)

      Next:
        deployctl rollout --help
      (exit 64)"
    `);
    expect(await told('usage.value', 'rollout --backend 1.2.0:x', () => parseImage('1.2.0:x/', 'shop/backend')))
      .toMatchInlineSnapshot(`
      "$ deployctl rollout --backend 1.2.0:x
      Error: "1.2.0:x/": not an image; write repository:tag, repository@sha256:…, or a bare tag of the configured repository

      Next:
        deployctl rollout --help
      (exit 64)"
    `);
    expect(await told('usage.value', 'rollout --bake 90', () => run('rollout --bake 90'))).toMatchInlineSnapshot(`
      "$ deployctl rollout --bake 90
      Error: --bake "90": a duration needs a unit, such as 90s or 90m

      Next:
        deployctl rollout --help
      (exit 64)"
    `);
    expect(await told('usage.value', 'rollout --steps 1,x', () => run('rollout --steps 1,x'))).toMatchInlineSnapshot(`
      "$ deployctl rollout --steps 1,x
      Error: --steps "1,x": steps are whole percentages from 1 to 100, like 10,50,100

      Next:
        deployctl rollout --help
      (exit 64)"
    `);
    const amount = 'rollout --max-parallel many';
    expect(await told('usage.value', amount, () => run(amount))).toMatchInlineSnapshot(`
      "$ deployctl rollout --max-parallel many
      Error: --max-parallel "many": not an amount; write a number like 2 or a share of the fleet like 25%, at least 1

      Next:
        deployctl rollout --help
      (exit 64)"
    `);
    expect(await told('usage.value', 'init --fleet-tag App', () => pairsOf('--fleet-tag', ['App'])))
      .toMatchInlineSnapshot(`
      "$ deployctl init --fleet-tag App
      Error: --fleet-tag App: wanted KEY=VALUE, both not empty

      Next:
        deployctl init --help
      (exit 64)"
    `);
  });

  it('is no flag, no value, or not what is asked for', async () => {
    expect(await told('usage', 'rollout --bakend 1', () => run('rollout --bakend 1'))).toMatchInlineSnapshot(`
      "$ deployctl rollout --bakend 1
      Error: there is no flag --bakend; did you mean --backend?

      Next:
        deployctl rollout --backend 1
        deployctl rollout --help
      (exit 64)"
    `);
    expect(await told('usage', 'rollout --zzz', () => run('rollout --zzz'))).toMatchInlineSnapshot(`
      "$ deployctl rollout --zzz
      Error: Nonexistent flag: --zzz

      Next:
        deployctl rollout --help
      (exit 64)"
    `);
    const strategy = 'rollout --strategy canary';
    expect(await told('usage', strategy, () => run(strategy))).toMatchInlineSnapshot(`
      "$ deployctl rollout --strategy canary
      Error: Expected --strategy=canary to be one of: rolling, blue-green

      Next:
        deployctl rollout --help
      (exit 64)"
    `);
    expect(await told('usage', 'logs', () => run('logs'))).toMatchInlineSnapshot(`
      "$ deployctl logs
      Error: Missing 1 required arg:
      service  name of the service

      Next:
        deployctl logs --help
      (exit 64)"
    `);
  });

  it('is no command', async () => {
    const names = ['rollout', 'rollback', 'status', 'lease show'];
    const act =
      (word: string, ...argv: string[]) =>
      (): never => {
        throw noSuchCommand(word, argv, names);
      };
    expect(await told('usage.command', 'rolout --env production', act('rolout', '--env', 'production')))
      .toMatchInlineSnapshot(`
      "$ deployctl rolout --env production
      Error: there is no command "rolout"; did you mean "rollout"?

      Next:
        deployctl rollout --env production
        deployctl --help
      (exit 64)"
    `);
    expect(await told('usage.command', 'xyz', act('xyz'))).toMatchInlineSnapshot(`
      "$ deployctl xyz
      Error: there is no command "xyz"

      Next:
        deployctl --help
      (exit 64)"
    `);
  });

  it('names no file for a report', async () => {
    expect(await told('usage.report', 'report ro-1 --env sim', () => run('report ro-1 --env sim')))
      .toMatchInlineSnapshot(`
      "$ deployctl report ro-1 --env sim
      Error: report writes a page: name its file

      Next:
        deployctl report ro-1 --html rollout.html --env sim
        deployctl history show ro-1 --env sim
      (exit 64)"
    `);
  });

  it('is too long for anything', async () => {
    class Long extends ReportingCommand {
      run(): Promise<void> {
        return Promise.resolve();
      }
      begin(): Promise<void> {
        return this.init();
      }
    }
    const begin = (...argv: string[]) => new Long(argv, {} as Config).begin();
    const long = 'x'.repeat(10_000);
    const typed = 'plan --env sim';
    expect(await told('usage.too-long', typed, () => begin('--backend', long))).toMatchInlineSnapshot(`
      "$ deployctl plan --env sim
      Error: --backend has 10000 characters (xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…); at most 4096 are taken

      Next:
        deployctl plan --help
      (exit 64)"
    `);
    expect(await told('usage.too-long', typed, () => begin(`--backend=${long}`))).toContain(
      '--backend has 10010 characters',
    );
    expect(await told('usage.too-long', typed, () => begin(long))).toContain('an argument has 10000 characters');
    const act = () => inShop((box) => exec(box, { service: 'backend' }, ['echo', 'x'.repeat(60_000)], 1000));
    expect(await told('usage.too-long', 'exec backend --env sim', act)).toMatchInlineSnapshot(`
      "$ deployctl exec backend --env sim
      Error: what stands behind -- is too long: its command would be 80.6 KB; SSM takes at most 64.0 KB in one command. Nothing was run

      Next:
        put the script into the image, or fetch it from within the container
      (exit 64)"
    `);
  });

  it('cannot be sent to an instance', async () => {
    const hosts = {
      sendResolve: () =>
        Promise.reject(
          new UnsendableRequest('tag: "a b" cannot be sent to an instance; wanted a tag', { tooLarge: false }),
        ),
    };
    const act = () =>
      inShop((box) =>
        plan(
          { ...box, images: { resolve: () => Promise.resolve(undefined) }, hosts: { ...box.hosts, ...hosts } },
          request(),
        ),
      );
    expect(await told('host.unsendable', 'plan --backend new', act)).toMatchInlineSnapshot(`
      "$ deployctl plan --backend new
      Error: a command cannot be sent to the instances: tag: "a b" cannot be sent to an instance; wanted a tag. Nothing was changed

      Next:
        correct what is named above, in deployctl.yml or on the command line
      (exit 12)"
    `);
  });

  it('is no account, and no time that docker knows', async () => {
    const typed = 'iam-policy --account 12';
    expect(await told('usage.value', typed, () => checkAccount('12'))).toMatchInlineSnapshot(`
      "$ deployctl iam-policy --account 12
      Error: --account 12: an AWS account has 12 digits

      Next:
        aws sts get-caller-identity --query Account
      (exit 64)"
    `);
    const act = () => inShop((box) => logs(box, { service: 'backend' }, { tail: 10, since: 'yesterday;' }));
    expect(await told('usage.value', 'logs backend --since yesterday;', act)).toMatchInlineSnapshot(`
      "$ deployctl logs backend --since yesterday;
      Error: "yesterday;" cannot be sent to an instance; wanted something like 10m, 2026-11-24T19:53:12Z, or a container id

      Next:
        deployctl logs --help
      (exit 64)"
    `);
  });

  it('is a file that cannot be read or written', async () => {
    const missing = join(folder, 'no', 'file');
    expect(await told('usage.file', 'report ro-1 --events no/file', () => readInput('--events', missing)))
      .toMatchInlineSnapshot(`
      "$ deployctl report ro-1 --events no/file
      Error: --events FOLDER/no/file cannot be read: ENOENT: no such file or directory, open 'FOLDER/no/file'

      Next:
        name a file that exists and may be read
      (exit 64)"
    `);
    expect(await told('usage.file', 'report ro-1 --html no/file', () => writeOutput('--html', missing, 'x')))
      .toMatchInlineSnapshot(`
      "$ deployctl report ro-1 --html no/file
      Error: --html FOLDER/no/file cannot be written: ENOENT: no such file or directory, open 'FOLDER/no/file'

      Next:
        name a file in a folder that exists and may be written to
      (exit 64)"
    `);
    expect(await told('usage.events', 'rollout --events no/file', () => openEventLog(missing, () => undefined)))
      .toMatchInlineSnapshot(`
      "$ deployctl rollout --events no/file
      Error: --events FOLDER/no/file cannot be written: ENOENT: no such file or directory, open 'FOLDER/no/file'

      Next:
        name a file in a folder that exists and may be written to
      (exit 64)"
    `);
  });

  it('is no event log, or that of another rollout', async () => {
    const log = (text: string) => () => pictureOf(text, 'events.ndjson');
    const typed = 'report ro-1 --events events.ndjson';
    expect(await told('report.events', typed, log('hello\nworld\n'))).toMatchInlineSnapshot(`
      "$ deployctl report ro-1 --events events.ndjson
      Error: events.ndjson is not the event log of a rollout: line 1 is no event

      Next:
        name the file that rollout, rollback or resume has written with --events
      (exit 64)"
    `);
    expect(await told('report.events', typed, log('{"type":"view"}\n'))).toMatchInlineSnapshot(`
      "$ deployctl report ro-1 --events events.ndjson
      Error: events.ndjson is not the event log of a rollout: line 1 is no view that this version knows

      Next:
        name the file that rollout, rollback or resume has written with --events
      (exit 64)"
    `);
    expect(await told('report.events', typed, log('{"type":"note"}\n'))).toMatchInlineSnapshot(`
      "$ deployctl report ro-1 --events events.ndjson
      Error: events.ndjson is not the event log of a rollout: it shows no moment of a rollout

      Next:
        name the file that rollout, rollback or resume has written with --events
      (exit 64)"
    `);
    const shop = await Shop.open();
    await shop.bobWasInterrupted();
    const other = { rollout: 'ro-20260101-000000-0001', picture: { weights: [], lanes: [], probes: [] } } as const;
    const act = () =>
      shop.anna(async (box) => {
        const [record] = await box.state.listRecords(1);
        return report(box, record?.id ?? '', other);
      });
    expect(await told('report.events', typed, act)).toMatchInlineSnapshot(`
      "$ deployctl report ro-1 --events events.ndjson
      Error: the event log is of ro-…, wanted ro-…

      Next:
        deployctl report ro-… --env sim --html rollout.html
      (exit 64)"
    `);
  });

  it('leaves nothing to validate with', async () => {
    const act = () => inShop((box) => validate(box, { autoRollback: false }));
    expect(await told('validate.nothing', 'validate', act)).toMatchInlineSnapshot(`
      "$ deployctl validate
      Error: environment sim has no probes to validate with, neither in validation nor in gates

      Next:
        add environments.sim.validation.probes: [{ name: home, url: https://… }] to deployctl.yml
      (exit 64)"
    `);
  });
});

describe('init', () => {
  it('finds a file that is there, and no Region', async () => {
    const file = join(folder, 'there.yml');
    await writeFile(file, 'mine');
    const again = `init --config ${file}`;
    expect(await told('init.exists', again, () => run(again))).toMatchInlineSnapshot(`
      "$ deployctl init --config FOLDER/there.yml
      Error: FOLDER/there.yml exists; nothing was written

      Next:
        deployctl init --config OTHER.yml
        deployctl init --force --config FOLDER/there.yml   # overwrites it
      (exit 12)"
    `);
    vi.stubEnv('AWS_REGION', undefined);
    vi.stubEnv('AWS_DEFAULT_REGION', undefined);
    const nowhere = `init --config ${join(folder, 'new.yml')}`;
    expect(await told('init.region', nowhere, () => run(nowhere))).toMatchInlineSnapshot(`
      "$ deployctl init --config FOLDER/new.yml
      Error: the AWS Region is not known: neither --region nor AWS_REGION nor an output of Terraform names it

      Next:
        deployctl init --config FOLDER/new.yml --region eu-west-1
      (exit 64)"
    `);
    vi.unstubAllEnvs();
  });

  const group = 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/shop-backend-blue/1';
  const route: RouteFacts = {
    route: 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/shop/1/1',
    name: 'shop:443',
    groups: [group],
    listener: 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/shop/1/1',
    loadBalancer: 'shop',
    paths: [],
    hosts: [],
    others: false,
  };
  /** What it says of an account with these load balancers, routes and targets. */
  const found =
    (
      names: readonly string[],
      routes: readonly RouteFacts[],
      targets: readonly TargetKey[],
      seeds: Partial<Seeds> = {},
    ) =>
    () =>
      inShop((box) => {
        const account: Toolbox['account'] = {
          ...box.account,
          balancers: () => Promise.resolve(names.map((name) => ({ arn: `arn:${name}`, name }))),
          groups: () => Promise.resolve([{ arn: group, name: 'shop-backend-blue', loadBalancers: ['arn:shop'] }]),
          routesOf: () => Promise.resolve(routes),
          instanceTags: () => Promise.resolve(new Map()),
        };
        const traffic: Toolbox['traffic'] = {
          ...box.traffic,
          targets: () => Promise.resolve(new Map(targets.map((key) => [key, { state: 'healthy' }]))),
        };
        const hosts: Toolbox['hosts'] = {
          ...box.hosts,
          sendList: () => Promise.resolve('list'),
          flaw: () => undefined,
          poll: (sent) =>
            Promise.resolve(
              new Map(sent.map(({ id }) => [id, { is: 'replied', reply: { ok: true, replayed: false, running: [] } }])),
            ),
        };
        const nobody = ({ proposal }: { readonly proposal?: string }): Promise<string | undefined> =>
          Promise.resolve(proposal);
        return discover({ ...box, account, traffic, hosts }, 'eu-central-1', { ...noSeeds, ...seeds }, nobody);
      });

  it('finds no load balancer, several, or not the named one', async () => {
    expect(await told('init.load-balancer', 'init', found([], [], []))).toMatchInlineSnapshot(`
      "$ deployctl init
      Error: which load balancer is not clear: there is none in this Region

      Next:
        deployctl init --region REGION
      (exit 64)"
    `);
    expect(await told('init.load-balancer', 'init --yes', found(['shop', 'blog'], [], []))).toMatchInlineSnapshot(`
      "$ deployctl init --yes
      Error: which load balancer is not clear: there is shop, blog

      Next:
        deployctl init --yes --load-balancer shop
        deployctl init --yes --load-balancer blog
      (exit 64)"
    `);
    expect(
      await told('init.load-balancer', 'init --load-balancer shpo', found(['shop'], [], [], { loadBalancer: 'shpo' })),
    ).toMatchInlineSnapshot(`
      "$ deployctl init --load-balancer shpo
      Error: there is no load balancer shpo; there is shop

      Next:
        deployctl init --load-balancer shop
      (exit 64)"
    `);
  });

  it('finds no instance, no service, no image', async () => {
    expect(await told('init.fleet', 'init', found(['shop'], [route], []))).toMatchInlineSnapshot(`
      "$ deployctl init
      Error: no instance is registered in shop-backend-blue, so the fleet is not known

      Next:
        deployctl init --fleet-tag App=shop --fleet-tag Environment=production   # the tags of your instances
      (exit 64)"
    `);
    const tagged = { instances: ['i-00000001'] } as const;
    expect(await told('init.services', 'init', found(['shop'], [], [], tagged))).toMatchInlineSnapshot(`
      "$ deployctl init
      Error: no listener or rule of load balancer shop forwards to a target group of instances

      Next:
        deployctl init --load-balancer NAME   # another one
        create a listener or rule that forwards to the live target group first
      (exit 64)"
    `);
    expect(await told('init.image', 'init --repository frontend=x', found(['shop'], [route], ['i-00000001:8080'])))
      .toMatchInlineSnapshot(`
      "$ deployctl init --repository frontend=x
      Error: the image repository of backend is not known: nothing runs on its port, and no output names it

      Next:
        deployctl init --repository frontend=x --repository backend=REPOSITORY
      (exit 64)"
    `);
  });
});

describe('init --from-terraform', () => {
  it('has nothing to read, or no JSON', async () => {
    const { signal } = new AbortController();
    const typed = 'init --from-terraform infra';
    expect(await told('init.terraform', typed, () => readOutputs('infra', folder, signal))).toMatchInlineSnapshot(`
      "$ deployctl init --from-terraform infra
      Error: there is no file or folder FOLDER/infra

      Next:
        deployctl init --from-terraform DIR
      (exit 64)"
    `);
    await writeFile(join(folder, 'out.json'), 'x');
    const text = await told('init.terraform', typed, () => readOutputs('out.json', folder, signal));
    expect(text.replace(/: Unexpected.*/, ': REASON')).toMatchInlineSnapshot(`
      "$ deployctl init --from-terraform infra
      Error: FOLDER/out.json does not give JSON: REASON

      Next:
        terraform output -json > FOLDER/out.json
      (exit 64)"
    `);
  });

  it('finds no outputs of use', async () => {
    const typed = 'init --from-terraform infra';
    expect(await told('init.terraform', typed, () => seedsOfTerraform([], 'infra'))).toMatchInlineSnapshot(`
      "$ deployctl init --from-terraform infra
      Error: infra is not what terraform output -json prints: an object of outputs was expected

      Next:
        terraform output -json > outputs.json
        deployctl init --from-terraform outputs.json
      (exit 64)"
    `);
    expect(await told('init.terraform', typed, () => seedsOfTerraform({}, 'infra'))).toMatchInlineSnapshot(`
      "$ deployctl init --from-terraform infra
      Error: infra has no output that holds the ARN of a target group, of a listener or of a load balancer

      Next:
        output "blue_target_group_arn" { value = aws_lb_target_group.blue.arn }   # and green, and the listener; then terraform apply
        deployctl init   # looks at the account alone
      (exit 64)"
    `);
  });
});

describe('what a command needs from whoever starts it', () => {
  it('a yes, where there is no terminal to ask on', async () => {
    const typed = 'rollout --backend new';
    const act = () =>
      askingOf({ yes: false, env: {}, canAsk: () => false, command: 'rollout', again: `deployctl ${typed} --yes` });
    expect(await told('usage.unconfirmed', typed, act)).toMatchInlineSnapshot(`
      "$ deployctl rollout --backend new
      Error: rollout needs a confirmation, and there is no terminal to ask on (the answer is read from stdin, which must be one). Nothing was changed. Pass --yes; DEPLOYCTL_YES=1 or CI=true in the environment do the same

      Next:
        deployctl rollout --backend new --yes
      (exit 64)"
    `);
  });

  it('a known word for what a closed terminal means', async () => {
    const { production } = parse(SMALL).environments;
    const act = () => production && onHangupOf(production, { DEPLOYCTL_ON_HANGUP: 'ignore' });
    expect(await told('usage.on-hangup', 'rollout', act)).toMatchInlineSnapshot(`
      "$ deployctl rollout
      Error: DEPLOYCTL_ON_HANGUP is "ignore": it must be continue or interrupt

      Next:
        unset it, or set it to one of the two
      (exit 64)"
    `);
  });

  it('its own files', async () => {
    const act = (): never => {
      throw installationChanged(new Error("Cannot find module 'execa.js'"));
    };
    expect(await told('installation.changed', 'rollout', act)).toMatchInlineSnapshot(`
      "$ deployctl rollout
      Error: a file of deployctl cannot be loaded, as while another version is being installed: Cannot find module 'execa.js'. Nothing was changed

      Next:
        the same command again, when the installation is complete
      (exit 12)"
    `);
  });
});

describe('what is not of a rollout', () => {
  it('a sandbox that does not run', async () => {
    const act = () => runningState(folder);
    expect(await told('sandbox', 'sandbox status', act)).toMatchInlineSnapshot(`
      "$ deployctl sandbox status
      Error: no sandbox runs in FOLDER; start one with \`deployctl sandbox up\`
      (exit 12)"
    `);
  });

  it('a bug', async () => {
    const act = (): never => {
      throw new TypeError('x is not a function');
    };
    expect(await told('bug', 'status', act)).toMatchInlineSnapshot(`
      "$ deployctl status
      Error: x is not a function

      Next:
        please report this with the lines below
      (exit 70)"
    `);
  });
});
