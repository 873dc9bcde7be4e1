import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Color, Service, Shop } from './kit.js';
import { openShop } from './kit.js';

/** From an empty folder to a rollout and back, with nothing written by hand. */
describe('the first hour', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
  });
  afterAll(() => shop.dispose());

  const group = (service: Service, color: Color): string =>
    shop.status.targetGroups.find((one) => one.service === service && one.color === color)?.arn ?? '';
  const changing = ['RegisterTargets', 'DeregisterTargets', 'ModifyRule', 'ModifyListener', 'PutParameter'];
  const read = (name: string): Promise<string> => readFile(join(shop.dir, name), 'utf8');

  it('init → doctor → plan → rollout → status → rollback: six commands and no editing', async () => {
    const file = ['--config', 'first.yml'];
    const before = await shop.calls();
    const { stdout } = await shop.run(0, ['init', ...file]);
    expect(stdout).toMatch(
      /^wrote first\.yml: shop\/production, blue-green, backend, frontend\n\nNext:\n {2}deployctl doctor/,
    );
    const after = await shop.calls();
    for (const call of changing) expect(after[call] ?? 0, call).toBe(before[call] ?? 0);

    await shop.run(0, ['doctor', ...file]);
    const plan = await shop.run(0, ['plan', ...file, '--backend', '1.1.0', '--bake', '1s']);
    expect(plan.stdout).toMatch(/backend: 1\.0\.0 → 1\.1\.0/);
    await shop.run(0, ['rollout', ...file, '--backend', '1.1.0', '--bake', '1s', '--yes']);
    await shop.serves({ backend: '1.1.0', frontend: '1.0.0' });
    const status = await shop.run(0, ['status', ...file]);
    expect(status.stdout).toMatch(/^backend 1\.1\.0 .*green █+ 100%/m);
    await shop.run(0, ['rollback', ...file, '--yes']);
    await shop.serves({ backend: '1.0.0', frontend: '1.0.0' });
  });

  it('never overwrites a file, unless it is told to', async () => {
    await writeFile(join(shop.dir, 'mine.yml'), 'precious\n');
    const refused = await shop.run(12, ['init', '--config', 'mine.yml']);
    expect(refused.stderr).toMatch(/mine\.yml exists; nothing was written\n\nNext:/);
    expect(await read('mine.yml')).toBe('precious\n');
    await shop.run(0, ['init', '--config', 'mine.yml', '--force', '--app', 'store', '--env', 'live']);
    expect(await read('mine.yml')).toMatch(/^app: store$[^]*^ {2}live:$/m);
  });

  describe('from Terraform', () => {
    /** What `terraform output -json` prints of a shop. */
    const outputs = (): string => {
      const output = (value: unknown) => ({ sensitive: false, type: 'string', value });
      return JSON.stringify({
        alb_https_listener_arn: output(shop.status.loadBalancer.listenerArn),
        backend_blue_target_group_arn: output(group('backend', 'blue')),
        backend_green_target_group_arn: output(group('backend', 'green')),
        instance_ids: output(shop.status.instances.map(({ id }) => id)),
        ecr_repository_url: output('123456789012.dkr.ecr.eu-west-1.amazonaws.com/store/backend'),
        environment: output('production'),
        database_password: { sensitive: true, type: 'string', value: 'hunter2' },
      });
    };
    const expected = async (name: string): Promise<void> => {
      const text = await read(name);
      expect(text).toMatch(/^ {2}production:$/m);
      expect(text).toContain('image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/store/backend');
      expect(text).toContain('green: { port: 8082, target-group: shop-backend-green }');
      // Only what the outputs name, although the account has more.
      expect(text).not.toMatch(/frontend|hunter2/);
      const { stdout } = await shop.run(0, ['doctor', '--config', name]);
      expect(stdout).toMatch(/doctor: shop\/production, blue-green/);
    };

    it('a file of outputs', async () => {
      await writeFile(join(shop.dir, 'outputs.json'), outputs());
      await shop.run(0, ['init', '--from-terraform', 'outputs.json', '--config', 'tf-file.yml']);
      await expected('tf-file.yml');
    });

    it('a folder: terraform is asked', async () => {
      const bin = join(shop.dir, 'bin');
      await mkdir(bin);
      await mkdir(join(shop.dir, 'infra'));
      await writeFile(join(shop.dir, 'infra', 'answer'), outputs());
      // Stands in for terraform: prints the outputs of the folder that -chdir names, as the real one does.
      const script = '#!/bin/sh\n[ "$2 $3" = "output -json" ] || exit 9\nexec cat "${1#-chdir=}/answer"\n';
      await writeFile(join(bin, 'terraform'), script);
      await chmod(join(bin, 'terraform'), 0o755);
      const env = { PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` };
      await shop.run(0, ['init', '--from-terraform', 'infra', '--config', 'tf-folder.yml'], { env });
      await expected('tf-folder.yml');
    });

    it('what is no output of Terraform is refused with the next command', async () => {
      await writeFile(join(shop.dir, 'broken.json'), 'Error: no state');
      const { stderr } = await shop.run(64, ['init', '--from-terraform', 'broken.json', '--config', 'none.yml']);
      expect(stderr).toMatch(/broken\.json does not give JSON[^]*Next:\n {2}terraform/);
      const missing = await shop.run(64, ['init', '--from-terraform', 'nowhere', '--config', 'none.yml']);
      expect(missing.stderr).toMatch(/there is no file or folder .*nowhere/);
    });
  });

  it('names what it cannot find out, and the flag that says it', async () => {
    const { stderr } = await shop.run(64, ['init', '--config', 'none.yml', '--load-balancer', 'shpo']);
    expect(stderr).toMatch(
      /there is no load balancer shpo; there is shop\n\nNext:\n {2}deployctl init --config none\.yml --load-balancer shop/,
    );
    const region = await shop.run(64, ['init', '--config', 'none.yml'], {
      env: { AWS_REGION: '', AWS_DEFAULT_REGION: '' },
    });
    expect(region.stderr).toMatch(/the AWS Region is not known/);
  });
});
