import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { CompiledCli, CliResult } from './compiled-cli.js';
import { compileCli } from './compiled-cli.js';
import { canRunDocker, leftOf } from './docker-world.js';

interface Status {
  readonly runtime: string;
  readonly loadBalancer: { readonly url: string };
  readonly instances: readonly { readonly address: string }[];
}

describe.skipIf(!(await canRunDocker()))('sandboxes of runtime docker', { timeout: 600_000 }, () => {
  let cli: CompiledCli;
  const folders: string[] = [];
  const folder = (): string => {
    const made = mkdtempSync(join(tmpdir(), 'docker-cli-'));
    folders.push(made);
    return made;
  };
  const sandbox = (stateDir: string, command: string, ...args: string[]): Promise<CliResult> =>
    cli.run(['sandbox', command, '--state-dir', stateDir, ...args]);
  const up = async (stateDir: string): Promise<Status> => {
    const small = ['--runtime', 'docker', '--instances', '1', '--time-scale', '50'];
    const { code, stdout, stderr } = await sandbox(stateDir, 'up', '--detach', '--json', ...small);
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout) as Status;
  };
  const pages = async ({ loadBalancer }: Status): Promise<string[]> =>
    Promise.all(
      ['/', '/api/'].map(async (path) => {
        const { statusCode, headers } = await request(loadBalancer.url + path);
        return `${statusCode} ${String(headers['x-shop-version'])}`;
      }),
    );
  beforeAll(async () => {
    cli = await compileCli();
  });
  afterAll(async () => {
    for (const one of folders) {
      await sandbox(one, 'down');
      rmSync(one, { recursive: true, force: true });
    }
    await cli.remove();
  }, 60_000);

  it('run side by side, and one that is killed leaves nothing and takes nothing from the other', async () => {
    const [first, second] = [folder(), folder()];
    const one = await up(first);
    const two = await up(second);
    expect([one.runtime, two.runtime]).toEqual(['docker', 'docker']);
    expect(one.instances[0]?.address).toMatch(/^10\.77\.\d+\.10$/);
    expect(two.instances[0]?.address).not.toBe(one.instances[0]?.address);
    expect(await pages(one)).toEqual(['200 1.0.0', '200 1.0.0']);
    expect(leftOf(first).length).toBeGreaterThan(3);

    const { pid } = JSON.parse(readFileSync(join(first, 'process.json'), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGKILL');
    await vi.waitFor(() => expect(leftOf(first)).toEqual([]), { timeout: 20_000, interval: 100 });
    const kept = ['.gitignore', 'access.log', 'events.log', 'process.json', 'sandbox.log'];
    expect(readdirSync(first).toSorted()).toEqual(kept);
    expect(await pages(two)).toEqual(['200 1.0.0', '200 1.0.0']);

    const down = await sandbox(second, 'down', '--json');
    expect(JSON.parse(down.stdout)).toEqual({ ending: 'closed' });
    expect(leftOf(second)).toEqual([]);
    expect(readdirSync(second).toSorted()).toEqual(kept.filter((name) => name !== 'process.json'));
  });

  it('start again in the folder of one that was killed the moment before', async () => {
    const stateDir = folder();
    await up(stateDir);
    const { pid } = JSON.parse(readFileSync(join(stateDir, 'process.json'), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGKILL');
    expect(await pages(await up(stateDir))).toEqual(['200 1.0.0', '200 1.0.0']);
  });

  it('leave nothing when they are interrupted while they start', async () => {
    const stateDir = folder();
    const starting = sandbox(stateDir, 'up', '--runtime', 'docker', '--instances', '2', '--time-scale', '50');
    await vi.waitFor(() => expect(readdirSync(join(stateDir, 'instances'))).not.toEqual([]), { timeout: 60_000 });
    const { pid } = JSON.parse(readFileSync(join(stateDir, 'process.json'), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGTERM');
    await starting;
    expect(leftOf(stateDir)).toEqual([]);
  });
});
