/** Secrets and what else an instance looks up: they arrive exactly, under any name, and what is wrong with them is found out by the pull. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostRequest } from '../../src/domain/host.js';
import type { Digest } from '../../src/domain/ids.js';
import type { RunSpec } from '../../src/domain/release.js';
import { goesByFile } from '../../src/host/environment.js';
import { startEngine, whyNoEngine } from './engine.js';
import { bad, good, spec, startInstance, type Host } from './kit.js';
import { shellsHere } from './shells.js';

/** Of each kind that somebody between here and the container gives a meaning, and some that nobody does. All of them: values.test.ts. */
const NAMES = [
  ...[
    'PATH',
    'HOME',
    'IFS',
    'ENV',
    'PWD',
    'SHELLOPTS',
    'BASH_ENV',
    'BASHOPTS',
    'UID',
    'PPID',
    'OPTARG',
    'FUNCNEST',
    'TMOUT',
    'PIPESTATUS',
  ],
  ...['LD_PRELOAD', 'GLIBC_TUNABLES', 'PYTHONHOME', 'SSL_CERT_FILE', 'HTTPS_PROXY', 'http_proxy', 'XDG_CONFIG_HOME'],
  ...[
    'AWS_SECRET_ACCESS_KEY',
    'AWS_PROFILE',
    'DOCKER_HOST',
    'DEPLOYCTL_ROOT',
    'word',
    'secret',
    'secret_words',
    'line_break',
    'work',
  ],
  ...['PATH_PREFIX', 'LC_ALL', 'TZ', 'state', 'DATABASE_URL'],
];

const EACH = shellsHere().map((shell) => [shell.name, shell] as const);

interface Runtime {
  readonly host: Host;
  readonly image: Partial<RunSpec>;
  /** Options that let a container write to a folder of the instance, and the folder's name in it. */
  readonly out: (folder: string) => { readonly runOptions: readonly string[]; readonly path: string };
  readonly close: () => Promise<void>;
}

const RUNTIMES: readonly { runtime: string; start: () => Promise<Runtime>; skip: boolean }[] = [
  {
    runtime: 'the process stand-in',
    skip: false,
    async start() {
      const host = await startInstance();
      const digest: Digest = await host.build('1.0.0');
      return {
        host,
        image: { image: { repository: 'shop/backend', digest } },
        out: (folder) => ({ runOptions: [], path: folder }),
        close: async () => host.close(),
      };
    },
  },
  {
    runtime: 'a real engine',
    skip: whyNoEngine() !== undefined,
    async start() {
      const host = await startEngine();
      const image = await host.image('secrets:1', 'true');
      return {
        host,
        image: { image },
        out: (folder) => ({ runOptions: [`--volume=${folder}:/out`], path: '/out' }),
        close: async () => host.close(),
      };
    },
  },
];

for (const { runtime, start, skip } of RUNTIMES) {
  describe.skipIf(skip)(`on ${runtime}`, { timeout: 180_000 }, () => {
    let made: Runtime;
    let host: Host;
    let root: string;
    beforeAll(async () => {
      made = await start();
      host = made.host;
      root = await host.sh('printf %s "$DEPLOYCTL_ROOT"');
      // Parameters are files; the environment that aws gets must be the instance's own.
      await host.sh(`mkdir -p "$DEPLOYCTL_ROOT/bin" "$DEPLOYCTL_ROOT/parameters"
cat >"$DEPLOYCTL_ROOT/bin/aws" <<'AWS'
#!/bin/sh
[ -z "\${AWS_SECRET_ACCESS_KEY:-}\${AWS_PROFILE:-}\${PYTHONHOME:-}" ] || { echo 'with the environment of a container' >&2; exit 1; }
while [ "$1" != --name ]; do shift; done
cat "$DEPLOYCTL_ROOT/parameters/$2" && echo
AWS
chmod +x "$DEPLOYCTL_ROOT/bin/aws"`);
    }, 60_000);
    afterAll(async () => made?.close());

    async function store(name: string, value: string): Promise<void> {
      const packed = Buffer.from(value).toString('base64');
      await host.sh(`printf %s '${packed}' | base64 -d >"$DEPLOYCTL_ROOT/parameters/${name}"`);
    }

    const ask: (request: HostRequest, change?: (script: string) => string) => ReturnType<Host['ask']> = (
      request,
      change,
    ) =>
      host.ask(request, undefined, {
        change: (script) =>
          (change?.(script) ?? script).replace('\nREQUEST=', '\nexport PATH="$DEPLOYCTL_ROOT/bin:$PATH"\nREQUEST='),
      });

    let count = 0;
    /** What a container gets of these secrets. */
    async function given(
      shell: (typeof EACH)[number][1],
      change: Pick<RunSpec, 'secrets'> & Partial<RunSpec>,
    ): Promise<Record<string, string>> {
      const folder = `${root}/given-${++count}`;
      await host.sh(`mkdir -p '${folder}'`);
      const { runOptions, path } = made.out(folder);
      const task = { command: ['/bin/sh', '-c', `/bin/cat /proc/$$/environ >${path}/env; :`], timeout: 10_000 };
      const request: HostRequest = {
        phase: 'task',
        service: 'backend',
        containerName: 'backend',
        release: `r-${count}`,
        spec: spec(`sha256:${'0'.repeat(64)}`, { ...made.image, ...change, runOptions, task }),
      };
      good(await ask(request, shell.change));
      const environ = Buffer.from(await host.sh(`base64 '${folder}/env'`), 'base64').toString();
      const pairs = environ.split('\0').slice(0, -1);
      return Object.fromEntries(
        pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
      );
    }

    it.each(EACH)('a secret of any name arrives under %s, and changes nothing for the next one', async (_, shell) => {
      const names = [...NAMES];
      const secrets = Object.fromEntries(names.map((name) => [name, `p-${name}`]));
      const values = Object.fromEntries(
        names.map((name) => [name, `the value of ${name}: $(touch PWNED) "x" 'y' #é 🚀 `]),
      );
      for (const [name, value] of Object.entries(values)) await store(`p-${name}`, value);
      expect(await given(shell, { secrets })).toMatchObject(values);
    });

    it.each(EACH)('lines of a secret are kept as they are under %s, also those at its end', async (_, shell) => {
      const value = '-----BEGIN KEY-----\r\n a\tb\\n\n-----END KEY-----\n\n';
      await store('key', value);
      expect(await given(shell, { secrets: { TLS_KEY: 'key' } })).toMatchObject({ TLS_KEY: value });
    });

    it.each(EACH)('a secret with lines under a name that goes by file is refused under %s', async (_, shell) => {
      const value = 's3cret\nof two lines';
      await store('lines', value);
      expect(goesByFile('AWS_SECRET_ACCESS_KEY')).toBe(true);
      const request = pull({ secrets: { AWS_SECRET_ACCESS_KEY: 'lines' } });
      const refused = bad(await ask(request, shell.change));
      expect(refused).toMatchObject({ code: 'secrets-failed' });
      expect(refused.message).toContain(
        'variable AWS_SECRET_ACCESS_KEY: the value of parameter lines has a line break',
      );
      expect(JSON.stringify(refused)).not.toContain('s3cret');
      expect(await host.sh('grep -r "s3cre[t]" "$DEPLOYCTL_ROOT"/var || :')).toBe('');
    });

    const pull = (change: Partial<RunSpec>): HostRequest => ({
      phase: 'pull',
      images: [
        {
          service: 'backend',
          release: `r-pull-${++count}`,
          containerName: 'backend',
          spec: spec(`sha256:${'0'.repeat(64)}`, { ...made.image, ...change }),
        },
      ],
    });
    const containers = (): Promise<string> => host.sh('docker ps -a --format "{{.Names}} {{.Status}}"');

    it.each<[string, Partial<RunSpec>, string, RegExp]>([
      [
        'a secret that is not there',
        { secrets: { TOKEN: 'absent' } },
        'secrets-failed',
        /variable TOKEN: cannot read parameter absent/,
      ],
      [
        'one whose name goes by file',
        { secrets: { HOME: 'absent' } },
        'secrets-failed',
        /variable HOME: cannot read parameter absent/,
      ],
      [
        'an env file that is not there',
        { envFiles: ['/etc/absent.env'] },
        'start-failed',
        /env file \/etc\/absent\.env is not on the instance/,
      ],
      [
        'an option that docker refuses',
        { runOptions: ['--memory=much'] },
        'start-failed',
        /docker create refused the container/,
      ],
    ])('the pull finds out %s', async (_, change, code, message) => {
      const before = await containers();
      const refused = bad(await ask(pull(change)));
      expect(refused).toMatchObject({ code });
      expect(refused.message).toMatch(message);
      expect(await containers()).toBe(before);
    });

    it('the pull leaves no container behind, and removes what a killed one has left', async () => {
      await store('token', 'x');
      const before = await containers();
      good(await ask(pull({ secrets: { TOKEN: 'token', PATH: 'token' } })));
      expect(await containers()).toBe(before);
      const labels = ['task=rehearsal', 'app=shop', 'environment=production'].map(
        (label) => `--label deployctl.${label}`,
      );
      const reference = `${made.image.image?.repository ?? ''}@${made.image.image?.digest ?? ''}`;
      await host.sh(`docker create --name left ${labels.join(' ')} ${reference} true`);
      good(await ask(pull({})));
      expect(await containers()).toBe(before);
    });

    it('an env file that docker cannot read does not show its lines', async () => {
      await host.sh(`printf 'PASSWORD=s3cret\\377\\n' >"$DEPLOYCTL_ROOT/etc-bad.env"`);
      const answer = await ask(pull({ envFiles: ['/etc-bad.env'] }));
      // The stand-in takes any bytes.
      if (!answer.ok) expect(answer.message).not.toContain(String('s'.charCodeAt(0)) + ' 51');
      expect(JSON.stringify(answer)).not.toContain('s3cret');
    });
  });
}
