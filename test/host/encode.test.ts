import { execa, execaSync } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostPhase, HostRequest } from '../../src/domain/host.js';
import type { Digest } from '../../src/domain/ids.js';
import type { RunSpec } from '../../src/domain/release.js';
import { encodeRequest, encodeResolve, HostRequestError } from '../../src/host/encode.js';
import { parseResult } from '../../src/host/result.js';
import { instanceScript } from '../../src/host/script.js';
import { APP, good, slot, spec, startInstance, type Instance } from './kit.js';

const digest: Digest = `sha256:${'a'.repeat(64)}`;
const fence = [1, 0, 0] as const;

const requests = (of: RunSpec): Record<HostPhase, HostRequest> => ({
  inspect: { phase: 'inspect', slots: [slot(), slot('green', 8082)] },
  quiet: { phase: 'quiet', slot: slot(), container: 'a'.repeat(64), window: 5000 },
  pull: { phase: 'pull', images: [{ service: 'backend', release: 'r-1', containerName: 'backend', spec: of }] },
  task: { phase: 'task', service: 'backend', containerName: 'backend', release: 'r-1', spec: of },
  start: { phase: 'start', slot: slot(), release: 'r-1', spec: of, keep: 1 },
  restore: { phase: 'restore', slot: slot(), release: 'r-1', spec: of, keep: 1 },
  stop: { phase: 'stop', slot: slot(), stopTimeout: 1000, keep: 1 },
});
const encode = (request: HostRequest): string => encodeRequest({ ...APP, request, fence, timeout: 30_000 });

const has = (program: string): boolean =>
  execaSync('sh', ['-c', `command -v ${program}`], { reject: false }).exitCode === 0;

describe('encoding', () => {
  const nasty = spec(digest, {
    env: { A: '{{ssm:/secret}}', B: "'; touch /tmp/x; '", C: '$(id)`id`\n{{ .Id }}' },
    secrets: { TOKEN: '/shop/token' },
    command: ['{{ssm:x}}'],
    runOptions: ['--memory=512m'],
    task: { command: ['node', 'task.js'], timeout: 1000 },
  });

  it('holds nothing that SSM would replace, and only printable ASCII, whatever the values', () => {
    for (const request of Object.values(requests(nasty))) {
      expect(encode(request)).not.toMatch(/\{\{|\}\}/);
      expect(encode(request)).toMatch(/^[\t\n\x20-\x7e]*$/);
    }
  });

  it('stays small: a phase is sent with the parts that it needs', () => {
    const size = (phase: HostPhase): number => encode(requests(nasty)[phase]).length;
    expect(size('pull')).toBeLessThan(21_000);
    expect(size('inspect')).toBeLessThan(23_000);
    expect(size('start')).toBeLessThan(42_000);
  });

  it.runIf(has('shellcheck'))('is clean for shellcheck as one file', async () => {
    const input = `#!/bin/sh\nREQUEST=x\n${instanceScript()}`;
    const result = await execa('shellcheck', ['-s', 'sh', '-'], { input, reject: false });
    expect(result.stdout).toBe('');
  });

  it('calls in every phase only what it brings along', async () => {
    const names = [...instanceScript().matchAll(/^([a-z_]+)\(\)/gm)].map((match) => match[1] ?? '');
    expect(names.length).toBeGreaterThan(40);
    // Functions of a part that the phase never enters: start.sh also serves stop, pull.sh also resolve.
    const unreached: Partial<Record<string, readonly string[]>> = {
      stop: ['need_curl', 'get_image', 'create', 'launch', 'fail_launch', 'witness'],
    };
    const scripts: [string, string][] = [
      ...Object.entries(requests(nasty)).map(([phase, request]): [string, string] => [phase, encode(request)]),
      ['resolve', encodeResolve({ ...APP, repository: 'shop/backend', tag: '1.0.0' })],
    ];
    for (const [phase, script] of scripts) {
      for (const shell of ['dash', 'bash', 'busybox'].filter(has)) {
        await execa(shell, [...(shell === 'busybox' ? ['sh'] : []), '-n'], { input: script });
      }
      const body = script.replace(/^phase_\w+\(\).*$/gm, '').replace(/^case \$phase in[\s\S]*$/m, '');
      const missing = names.filter(
        (name) =>
          !name.startsWith('phase_') &&
          !script.includes(`\n${name}()`) &&
          new RegExp(`(^|[;&|({]|then|do|else|!) ?${name}( |$|;)`, 'm').test(body),
      );
      expect(
        missing.filter((name) => !(unreached[phase] ?? []).includes(name)),
        phase,
      ).toEqual([]);
    }
  });

  it.each<[string, Partial<RunSpec>, RegExp]>([
    ['a variable name with a space', { env: { 'A B': 'x' } }, /env: "A B"/],
    ['a variable name with code', { env: { 'A$(id)': 'x' } }, /env: "A\$\(id\)"/],
    ['NUL in a value', { env: { A: 'a\0b' } }, /env A: its value holds a NUL/],
    ['half a character', { env: { A: 'a\ud83d' } }, /env A: its value is not valid Unicode/],
    ['half a character in a path', { health: { ...spec(digest).health, path: '/\ud83d' } }, /health path: its value/],
    ['lines in PATH', { env: { PATH: 'a\nb' } }, /env PATH: its value has a line break/],
    ['a carriage return in HOME', { env: { HOME: 'a\rb' } }, /env HOME: its value has a line break/],
    ['a parameter name with code', { secrets: { A: '/x; id' } }, /secret A/],
    ['an option of ours', { runOptions: ['--name=x'] }, /run option: "--name" cannot be sent/],
    ['a relative env file', { envFiles: ['x.env'] }, /env file/],
    ['a repository with code', { image: { repository: 'a;id', digest } }, /image: "a;id"/],
    ['a path without slash', { health: { ...spec(digest).health, path: 'health' } }, /health path/],
  ])('refuses %s', (_, change, message) => {
    expect(() => encode(requests(spec(digest, change)).start)).toThrow(HostRequestError);
    expect(() => encode(requests(spec(digest, change)).start)).toThrow(message);
  });

  it('never shows a value', () => {
    const value = 'tr0ub4dor';
    const check = { path: '/', method: 'GET', status: [], samples: 1, maxFailures: 0, timeout: 1000 };
    const bad: Partial<RunSpec>[] = [
      { env: { A: `${value}\0` } },
      { env: { PATH: `${value}\n` } },
      { env: { AWS_SECRET_ACCESS_KEY: `${value}\r` } },
      { command: [`${value}\0`] },
      { runOptions: [`--name=${value}`] },
      { runOptions: [`--memory=${value}\0`] },
      { checks: [{ ...check, headers: { Authorization: `${value}\n` } }] },
      { checks: [{ ...check, headers: {}, contains: `${value}\0` }] },
      { task: { command: [`${value}\0`], timeout: 1000 } },
    ];
    for (const change of bad) {
      const request =
        change.task === undefined ? requests(spec(digest, change)).start : requests(spec(digest, change)).task;
      let message = '';
      try {
        encode(request);
      } catch (error) {
        message = String(error);
      }
      expect(message, JSON.stringify(Object.keys(change))).toContain('HostRequestError');
      expect(message).not.toContain(value);
    }
  });

  it('wants a fence for all that acts', () => {
    for (const request of Object.values(requests(nasty))) {
      const encodeBare = (): string => encodeRequest({ ...APP, request, timeout: 1000 });
      if (request.phase === 'inspect') expect(encodeBare()).toContain('REQUEST=');
      else expect(encodeBare).toThrow(/fence/);
    }
  });
});

describe('what the instance looks up itself', () => {
  let instance: Instance;
  let image: Digest;
  beforeAll(async () => {
    instance = await startInstance();
    image = await instance.build('1.0.0');
  });
  afterAll(async () => instance.close());

  it('resolves a secret on the instance, and shows it nowhere else', async () => {
    const secret = 'a "secret"\nof $(two) lines';
    await instance.sh(
      `mkdir -p "$DEPLOYCTL_ROOT/bin"; cat >"$DEPLOYCTL_ROOT/bin/aws" <<'AWS'
#!/bin/sh
case "$*" in
*"--name /shop/token "*) printf 'a "secret"\\nof $(two) lines\\n' ;;
*) echo 'An error occurred (ParameterNotFound)' >&2; exit 254 ;;
esac
AWS
chmod +x "$DEPLOYCTL_ROOT/bin/aws"`,
    );
    const out = `${instance.root}/secret`;
    const ask = async (secrets: Record<string, string>, release: string): Promise<ReturnType<typeof parseResult>> =>
      instance.ask({
        phase: 'task',
        service: 'backend',
        containerName: 'backend',
        release,
        spec: spec(image, {
          secrets,
          task: { command: ['sh', '-c', `printf %s "$TOKEN" >${out}`], timeout: 5000 },
        }),
      });
    const result = good(await ask({ TOKEN: '/shop/token' }, 'r-token'));
    expect(await instance.sh(`cat ${out}`)).toBe(secret);
    expect(JSON.stringify(result)).not.toContain('two');
    expect(
      await instance.sh(
        'cat "$DEPLOYCTL_ROOT"/var/log/deployctl/*; ls "$DEPLOYCTL_ROOT"/var/lib/deployctl/shop/production',
      ),
    ).not.toMatch(/two|work/);
    const missing = await ask({ TOKEN: '/shop/absent' }, 'r-missing');
    expect(missing).toMatchObject({ ok: false, code: 'secrets-failed' });
    expect(missing.ok ? '' : missing.message).toContain('/shop/absent');
  });

  it('asks an instance for the digest of a tag', async () => {
    const script = encodeResolve({ ...APP, repository: 'shop/backend', tag: '1.0.0' });
    expect(good(parseResult(await instance.exec(script), APP)).digest).toBe(image);
    const absent = encodeResolve({ ...APP, repository: 'shop/backend', tag: 'absent' });
    expect(parseResult(await instance.exec(absent), APP)).toMatchObject({ ok: false, code: 'pull-failed' });
  });
});
