import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documentSchemas } from '../../src/presentation/schemas/documents.js';
import type { Shop } from './kit.js';
import { openShop } from './kit.js';

interface Exec {
  readonly results: readonly { readonly exitCode: number; readonly stdout: string; readonly truncated: boolean }[];
}

/** Looking into running containers through SSM. */
describe('logs and exec', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
  });
  afterAll(() => shop.dispose());

  /** What follows -- belongs to the command, --json too. */
  const exec = async (code: number, ...args: readonly string[]): Promise<Exec> => {
    const { stdout } = await shop.run(code, ['exec', '--json', ...args]);
    const document: unknown = JSON.parse(stdout);
    expect(documentSchemas.exec.safeParse(document).error).toBeUndefined();
    return document as Exec;
  };

  it('logs: the lines of every instance with their times, or of one', async () => {
    const { stdout } = await shop.run(0, ['logs', 'backend']);
    expect(stdout.trimEnd().split('\n').sort()).toEqual([
      expect.stringMatching(/^shop-1 {2}\d{4}-\d\d-\d\dT[\d:.]{12} {2}backend 1\.0\.0 listens on /),
      expect.stringMatching(/^shop-2 {2}\S+ {2}backend 1\.0\.0 listens on /),
    ]);
    const document = await shop.json<object>(0, ['logs', 'backend', '--instance', 'shop-2', '--tail', '5']);
    expect(documentSchemas.logs.safeParse(document).error).toBeUndefined();
    expect(document).toMatchObject({ logs: [{ name: 'shop-2', truncated: false }] });
    expect((await shop.run(64, ['logs', 'worker'])).stderr).toMatch(/no service worker; it has backend, frontend/);
    expect((await shop.run(12, ['logs', 'backend', '--color', 'green'])).stderr).toMatch(
      /does not run on any instance in green/,
    );
    expect((await shop.run(64, ['logs', 'backend', '--since', '$(id)'])).stderr).toMatch(
      /cannot be sent to an instance/,
    );
  });

  it('logs --follow says each line once, until Ctrl-C', async () => {
    const following = shop.start(['logs', 'backend', '--follow']);
    const sent = async (): Promise<number> => (await shop.calls())['SendCommand'] ?? 0;
    const before = await sent();
    // One look at the two containers, then three rounds of both.
    while ((await sent()) < before + 8) await new Promise((resolve) => setTimeout(resolve, 100));
    following.kill('SIGINT');
    const { code, stdout, transcript } = await following.done;
    expect(code, transcript).toBe(130);
    expect(stdout.trimEnd().split('\n')).toHaveLength(2);
  });

  it('exec: words arrive as they are typed, whatever the exit code, and what comes back is harmless', async () => {
    const odd = 'a  b "c" $HOME `id` {{ssm:x}} é\n';
    const print = 'process.stdout.write(process.argv[1]); process.exitCode = 194';
    const { results } = await exec(1, 'backend', '--', 'node', '-e', print, odd);
    expect(results).toMatchObject([
      { exitCode: 194, stdout: odd, truncated: false },
      { exitCode: 194, stdout: odd },
    ]);
    const nasty = [
      'exec',
      'backend',
      '--instance',
      'shop-1',
      '--',
      'node',
      '-e',
      'console.log("x\\u001b[2Jy\\n::error::z")',
    ];
    const { stdout } = await shop.run(0, nasty);
    expect(stdout).toMatch(/^shop-1 \(i-\w+\): exit 0\n {2}xy\n/);
    expect(stdout).not.toMatch(/^\s*::error/m);
  });

  it('exec says when SSM has cut the output, and shows its end', async () => {
    const much = [
      'exec',
      'frontend',
      '--instance',
      'shop-1',
      '--',
      'node',
      '-e',
      'console.log("x".repeat(30000) + "END")',
    ];
    const document = await exec(0, ...much.slice(1));
    expect(document.results[0]).toMatchObject({ truncated: true, stdout: expect.stringMatching(/xEND\n$/) as string });
    expect((await shop.run(0, much)).stdout).toMatch(/the beginning of the output is missing: SSM hands on 24,000/);
    expect((await shop.run(64, ['exec', 'frontend'])).stderr).toMatch(/name the command after --/);
  });
});
