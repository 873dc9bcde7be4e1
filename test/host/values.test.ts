/** Whatever people write into env values, commands, options and paths arrives as it is, and executes nothing, under each shell. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostRequest } from '../../src/domain/host.js';
import type { Digest } from '../../src/domain/ids.js';
import type { RunSpec } from '../../src/domain/release.js';
import { startEngine, whyNoEngine } from './engine.js';
import { bad, good, slot, spec, startInstance, type Host } from './kit.js';
import { namesOfShells, shellsHere } from './shells.js';

const SHELLS = shellsHere();
const EACH = SHELLS.map((shell) => [shell.name, shell] as const);
const RESERVED = namesOfShells();
/** Each of them starts the instance script: the deep run does more. */
const RUNS = process.env['DEPLOYCTL_TEST_DEEP'] === undefined ? 4 : 20;

const piece = fc.constantFrom(
  ...[
    '{{ssm:x}}',
    '{{ .Id }}',
    '<<json .>>',
    '$(touch /PWNED)',
    '`touch /PWNED`',
    '$HOME',
    '${IFS}',
    '"',
    "'",
    '\\',
    '\n',
    '\t',
    ' ',
  ],
  ...[
    '🚀',
    'é',
    '%s',
    '%%',
    '%n',
    ';',
    '&',
    '|',
    '*',
    '?',
    '~',
    '=',
    '#',
    '!',
    '-',
    '-e',
    '--',
    '\r',
    '\u001b[31m',
    'abc',
    '0',
    '.',
  ],
);
const value = fc.oneof(
  fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.replaceAll('\0', '')),
);
const line = value.map((text) => text.replace(/[\r\n]/g, ' '));
const name = fc.stringMatching(/^[A-Z_a-z][A-Za-z0-9_]{0,6}X$/);
const args = fc.array(value, { maxLength: 3 });

interface Runtime {
  readonly host: Host;
  /** Image, and what it takes to write to a folder of the instance. */
  readonly spec: (folder: string) => Partial<RunSpec> & { readonly out: string };
  readonly close: () => Promise<void>;
}

const RUNTIMES: readonly { runtime: string; start: () => Promise<Runtime>; runs: number; skip: boolean }[] = [
  {
    runtime: 'the process stand-in',
    runs: RUNS,
    skip: false,
    async start() {
      const instance = await startInstance();
      const digest: Digest = await instance.build('1.0.0');
      return {
        host: instance,
        spec: (folder) => ({ image: { repository: 'shop/backend', digest }, out: folder }),
        close: async () => instance.close(),
      };
    },
  },
  {
    runtime: 'a real engine',
    runs: RUNS,
    skip: whyNoEngine() !== undefined,
    async start() {
      const engine = await startEngine();
      const image = await engine.image('values:1', 'true');
      return {
        host: engine,
        spec: (folder) => ({ image, runOptions: [`--volume=${folder}:/out dir`], out: '/out dir' }),
        close: async () => engine.close(),
      };
    },
  },
];

for (const { runtime, start, runs, skip } of RUNTIMES) {
  describe.skipIf(skip)(`values on their way to a container of ${runtime}`, { timeout: 180_000 }, () => {
    let host: Host;
    let made: Runtime;
    let root: string;
    beforeAll(async () => {
      made = await start();
      host = made.host;
      root = await host.sh('printf %s "$DEPLOYCTL_ROOT"');
    }, 60_000);
    afterAll(async () => made?.close());

    let count = 0;
    /** Runs a task that writes down what its first process was given. */
    async function roundTrip(
      shell: (typeof SHELLS)[number],
      change: Partial<RunSpec>,
      argv: readonly string[],
    ): Promise<[Record<string, string>, string[]]> {
      const folder = `${root}/out ${++count} $(touch PWNED)`;
      await host.sh(`mkdir -p '${folder}'`);
      const { out, runOptions = [], ...image } = made.spec(folder);
      const write = '/bin/cat /proc/$$/environ >"$OUT_/env"; /bin/cat /proc/$$/cmdline >"$OUT_/argv"; :';
      const request: HostRequest = {
        phase: 'task',
        service: 'backend',
        containerName: 'backend',
        release: `r-${count}`,
        spec: spec(`sha256:${'0'.repeat(64)}`, {
          ...image,
          ...change,
          runOptions: [...runOptions, ...(change.runOptions ?? [])],
          env: { ...change.env, OUT_: out },
          task: { command: ['/bin/sh', '-c', write, 'sh', ...argv], timeout: 10_000 },
        }),
      };
      good(await host.ask(request, undefined, { change: shell.change }));
      const words = async (file: string): Promise<string[]> =>
        Buffer.from(await host.sh(`base64 '${folder}/${file}'`), 'base64')
          .toString()
          .split('\0')
          .slice(0, -1);
      const pairs = (await words('env')).map((pair) => [
        pair.slice(0, pair.indexOf('=')),
        pair.slice(pair.indexOf('=') + 1),
      ]);
      return [Object.fromEntries(pairs) as Record<string, string>, (await words('argv')).slice(4)];
    }
    const nothingRan = async (): Promise<void> =>
      expect(
        await host.sh(
          `find "$DEPLOYCTL_ROOT" -ignore_readdir_race -name 'PWNED*'; ls -d /PWNED /usr/bin/PWNED 2>/dev/null || :`,
        ),
      ).toBe('');

    it('arrive unchanged, whatever they hold', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...SHELLS),
          fc.dictionary(name, value, { maxKeys: 5 }),
          args,
          async (shell, env, argv) => {
            const [seen, given] = await roundTrip(shell, { env }, argv);
            expect(seen, shell.name).toMatchObject(env);
            expect(given, shell.name).toEqual(argv);
          },
        ),
        { numRuns: runs },
      );
      await nothingRan();
    });

    it.each(EACH)('arrive also under names that %s gives a meaning', async (_, shell) => {
      // What bash makes of the value of a variable that it takes for a number.
      for (const text of ['work[$(touch /PWNED)]', 'x', ...fc.sample(line, 1).map((some) => `x${some}`)]) {
        // dash in the container itself would end at an OPTIND that is no number.
        const env = { ...Object.fromEntries(RESERVED.map((key) => [key, text])), OPTIND: '1' };
        expect((await roundTrip(shell, { env }, []))[0]).toMatchObject(env);
      }
      await nothingRan();
    });

    it.each(EACH)('come from env files with any path under %s', async (_, shell) => {
      const file = `/etc/it's a "$(touch PWNED)" \`x\` 🚀 {{ssm:x}} %s -e.env`;
      const quoted = `'${(root + file).replaceAll("'", `'\\''`)}'`;
      await host.sh(
        `mkdir -p "$DEPLOYCTL_ROOT/etc"; cat >${quoted} <<'ENV'\n# a comment\nFROM_FILE= $(touch PWNED) "x" 'y' \nENV`,
      );
      const [seen] = await roundTrip(shell, { envFiles: [file] }, []);
      expect(seen['FROM_FILE']).toBe(` $(touch PWNED) "x" 'y' `);
      await nothingRan();
    });

    it.each(EACH)('come back in failures as they are under %s', async (_, shell) => {
      const path = `/it's "$(touch PWNED)" \`x\` {{ssm:x}} %s 🚀 [1-3] {a,b}?q=\\`;
      const { out: _out, ...image } = made.spec(root);
      const command = ['sh', '-c', 'echo "$SAID" >&2; sleep 30'];
      const said = `"$(touch PWNED)" \\ {{ssm:x}} %s 🚀 é`;
      const health = { path, passes: 1, interval: 50, timeout: 500, startTimeout: 1000 };
      const failed = bad(
        await host.ask(
          {
            phase: 'start',
            slot: slot(),
            release: `r-bad-${shell.name}`,
            spec: spec(`sha256:${'0'.repeat(64)}`, { ...image, command, health, env: { SAID: said } }),
            keep: 1,
          },
          undefined,
          { change: shell.change },
        ),
      );
      expect(failed).toMatchObject({ code: 'unhealthy', logTail: said });
      expect(failed.lastProbe).toContain(`GET /it's%20%22$(touch%20PWNED)%22%20%60x%60%20%7B%7Bssm:x%7D%7D`);
      await nothingRan();
    });
  });
}
