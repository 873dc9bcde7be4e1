import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { flawOf } from '../../presentation/hostile.js';
import type { Json, Shop } from '../kit.js';
import { at, expectClean, openShop, rolloutTo, RUNTIME, secret } from '../kit.js';

interface Exec {
  readonly results: readonly { readonly exitCode: number; readonly stdout: string }[];
}

/** An `aws` on the instance that gives parameters out of a folder: the sandbox's machines have none. */
const AWS = `
folder=$DEPLOYCTL_ROOT/bin
[ "$1" = process ] || { folder=/usr/local/sbin; mount -t tmpfs tmpfs $folder; }
mkdir -p "$folder" "$DEPLOYCTL_ROOT/parameters"
cat >"$folder/aws" <<'PROGRAM'
#!/bin/sh
[ -z "\${AWS_SECRET_ACCESS_KEY:-}" ] || { echo 'asked with the key of the container' >&2; exit 1; }
while [ "$1" != --name ]; do shift; done
cat "$DEPLOYCTL_ROOT/parameters$2" && echo
PROGRAM
chmod +x "$folder/aws"`;

const changing = ['RegisterTargets', 'DeregisterTargets', 'ModifyRule', 'ModifyListener', 'PutParameter'];
const backend = (file: Json): Json => at(file, 'services', 'backend');
const many = (count: number, length: number): Json =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`SETTING_${String(index)}`, 'x'.repeat(length)]));

describe('variables of any name', () => {
  let shop: Shop;
  const [key, token] = [secret(), secret()];
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
    for (const { id } of shop.status.instances) {
      await shop.aws.shell(id, `set -- ${RUNTIME}\n${AWS}`);
      await shop.aws.shell(
        id,
        `mkdir -p "$DEPLOYCTL_ROOT/parameters/shop" && printf %s '${key}' >"$DEPLOYCTL_ROOT/parameters/shop/key" && printf '%s\\n\\n' '${token}' >"$DEPLOYCTL_ROOT/parameters/shop/token"`,
      );
    }
  });
  afterAll(() => shop.dispose());

  const printed = async (name: string): Promise<readonly string[]> => {
    // The dot keeps what is at the end.
    const line = `printf '%s.' "$${name}"`;
    const { stdout } = await shop.run(0, ['exec', '--json', 'backend', '--', '/bin/sh', '-c', line]);
    return (JSON.parse(stdout) as Exec).results.map((each) => each.stdout);
  };

  it('reach the container, plain and secret, and are shown nowhere', async () => {
    const path = `/srv/shop/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${dirname(process.execPath)}`;
    const env = {
      PATH: path,
      PATH_PREFIX: '/srv/shop',
      HOME: '/srv/shop home',
      DOCKER_HOST: 'tcp://nowhere:1',
      LD_LIBRARY_PATH: '/srv/shop/lib',
      AWS_REGION: 'mars-1',
      IFS: ':',
      LINES_OF_TEXT: 'one\ntwo\n',
    };
    await shop.config((file) => {
      backend(file)['env'] = env;
      backend(file)['secrets'] = {
        AWS_SECRET_ACCESS_KEY: '/shop/key',
        API_TOKEN: '/shop/token',
        HTTPS_PROXY: '/shop/key',
      };
    });
    const load = await shop.underLoad(async () => {
      const { transcript } = await shop.run(0, rolloutTo({ backend: '1.1.0' }, 'rolling'));
      expect(transcript).not.toMatch(new RegExp(`${key}|${token}`));
    });
    expectClean(load);
    for (const [name, value] of Object.entries(env)) {
      // A shell sets its own IFS; the process has it all the same.
      if (name !== 'IFS') expect(await printed(name), name).toEqual([`${value}.`, `${value}.`]);
    }
    expect(await printed('AWS_SECRET_ACCESS_KEY')).toEqual([`${key}.`, `${key}.`]);
    expect(await printed('HTTPS_PROXY')).toEqual([`${key}.`, `${key}.`]);
    expect(await printed('API_TOKEN'), 'with the line breaks at its end').toEqual([`${token}\n\n.`, `${token}\n\n.`]);
    for (const { id } of shop.status.instances) {
      const kept = await shop.aws.shell(
        id,
        `grep -rlE '${key.slice(0, 20)}' "$DEPLOYCTL_ROOT/var/log/deployctl" "$DEPLOYCTL_ROOT/var/lib/deployctl" || :`,
      );
      expect(kept.trim()).toBe('');
    }
  });

  it('a secret that cannot be read is found out while the old release serves everywhere', async () => {
    const before = await shop.calls();
    await shop.config((file) => {
      backend(file)['secrets'] = { AWS_SECRET_ACCESS_KEY: '/shop/absent' };
    });
    const load = await shop.underLoad(async () => {
      const { transcript } = await shop.run(10, rolloutTo({ backend: '1.0.0' }, 'rolling'));
      expect(transcript).toMatch(
        /the new release cannot be prepared on shop-\d .*variable AWS_SECRET_ACCESS_KEY: cannot read parameter \/shop\/absent/,
      );
    });
    expectClean(load);
    const after = await shop.calls();
    for (const call of ['DeregisterTargets', 'ModifyRule']) expect(after[call] ?? 0, call).toBe(before[call] ?? 0);
    await shop.serves({ backend: '1.1.0', frontend: '1.0.0' });
    const left = Object.values(await shop.containers())
      .flat()
      .filter(({ name }) => name.includes('rehearsal'));
    expect(left).toEqual([]);
  });

  it('a secret of two lines under a name that goes by file likewise, without its value', async () => {
    for (const { id } of shop.status.instances)
      await shop.aws.shell(id, `printf 'first line\\nsecond' >"$DEPLOYCTL_ROOT/parameters/shop/lines"`);
    await shop.config((file) => {
      backend(file)['secrets'] = { AWS_SESSION_TOKEN: '/shop/lines', TLS_KEY: '/shop/lines' };
    });
    const { transcript } = await shop.run(10, rolloutTo({ backend: '1.0.0' }, 'rolling'));
    expect(transcript).toMatch(/variable AWS_SESSION_TOKEN: the value of parameter \/shop\/lines has a line break/);
    expect(transcript).not.toContain('first line');
  });
});

describe('what cannot be sent', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
  });
  afterAll(() => shop.dispose());

  it.each<[string, (file: Json) => void, RegExp]>([
    [
      '20 values of 1,000 characters',
      (file) => void (backend(file)['env'] = many(20, 1000)),
      /the new release of backend cannot be sent to an instance: its command would be \d+\.\d KB, of which the instance script takes \d+\.\d KB; SSM takes at most 64\.0 KB/,
    ],
    [
      'lines in PATH',
      (file) => void (backend(file)['env'] = { PATH: '/bin\n/usr/bin' }),
      /backend cannot be sent to an instance: env PATH: its value has a line break/,
    ],
  ])('%s: plan, doctor and rollout say so, and nothing changes', async (_, change, message) => {
    const other = await shop.config(change, 'other.yml');
    const [before, stored] = await Promise.all([shop.calls(), shop.aws.parameters()]);
    const said = async (...args: readonly string[]): Promise<string> => {
      const { transcript } = await shop.run(12, [...args, '--config', other]);
      expect(transcript).toMatch(message);
      expect(transcript).not.toMatch(/x{70}/);
      return transcript;
    };
    await said('plan', '--backend', '1.1.0');
    await said('doctor');
    expect(await shop.aws.parameters()).toEqual(stored);
    for (const call of changing.slice(0, 4)) expect((await shop.calls())[call] ?? 0, call).toBe(before[call] ?? 0);
    for (const strategy of ['rolling', 'blue-green'] as const) await said(...rolloutTo({ backend: '1.1.0' }, strategy));
    const after = await shop.calls();
    // The lock was taken and given back.
    for (const call of changing.slice(0, 4)) expect(after[call] ?? 0, call).toBe(before[call] ?? 0);
    expect(await shop.json(0, ['lease', 'show'])).toMatchObject({ is: 'free' });
    expect(await shop.json(0, ['history'])).toMatchObject({ outcomes: [] });
    await shop.serves({ backend: '1.0.0', frontend: '1.0.0' });
  });

  it('a configuration of 10 MB is refused at once', async () => {
    const other = await shop.config((file) => void (backend(file)['env'] = many(100, 110_000)), 'large.yml');
    const { transcript } = await shop.run(64, ['plan', '--backend', '1.1.0', '--config', other]);
    expect(transcript).toMatch(/large\.yml: larger than 512 KB/);
    expect(transcript.length).toBeLessThan(1000);
  });
});

describe('text of others', () => {
  const evil = 'shop\n::error title=x::pwned\u001b[2J\u009b31m\u202e##[error]';
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
    for (const { id } of shop.status.instances) await shop.aws.tag(id, 'Name', `${evil}${id}`);
  });
  afterAll(() => shop.dispose());

  it('is only text on every line that a command writes', async () => {
    const env = { DEPLOYCTL_ACTOR: `  anna${evil}  `, GITHUB_ACTIONS: '' };
    const written: string[] = [];
    const run = async (code: number, ...args: readonly string[]): Promise<void> => {
      const { stdout, stderr } = await shop.run(code, args, { env });
      written.push(stdout, stderr);
    };
    await run(0, 'status');
    await run(0, 'plan', '--backend', '1.1.0');
    await run(0, 'doctor');
    const rollout = shop.start(rolloutTo({ backend: '1.1.0' }, 'rolling', '--bake', '5m'), { env });
    await rollout.until(/bake: targets/);
    await run(0, 'status');
    await run(0, 'abort', '--reason', evil);
    const { code, stdout, stderr } = await rollout.done;
    expect(code).toBe(10);
    written.push(stdout, stderr);
    await run(0, 'history');
    await run(0, 'history', 'show');
    await run(0, 'status');
    // An instance that is silent is named in a refusal.
    await shop.fault('agent-absent', '--instance', shop.status.instances[0]?.id ?? '');
    await run(12, ...rolloutTo({ backend: '1.1.0' }, 'rolling'));
    await shop.clearFaults();
    for (const text of written) expect(flawOf(text), text).toBeUndefined();
    expect(written.join('\n')).toMatch(/by anna ?shop ::error title=x::pwned/);
    // The data are what they were.
    const { instances } = await shop.json<{ instances: readonly { id: string; name: string }[] }>(0, ['status']);
    for (const { id, name } of instances) expect(name).toBe(`${evil}${id}`);
  });
});
