import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Digest } from '../../src/domain/ids.js';
import { good, slot, spec, startInstance, type Instance } from './kit.js';

describe('a watch of connections', () => {
  let instance: Instance;
  let digest: Digest;
  let container: string;
  beforeAll(async () => {
    instance = await startInstance();
    digest = await instance.build('1.0.0');
    const started = await instance.ask({ phase: 'start', slot: slot(), release: 'r-1', spec: spec(digest), keep: 1 });
    container = good(started).container?.id ?? '';
  });
  afterAll(async () => instance.close());

  const open = async (): Promise<Socket> => {
    const socket = connect(8081, instance.address);
    await once(socket, 'connect');
    return socket;
  };
  const watch = (change?: (script: string) => string): ReturnType<Instance['ask']> =>
    instance.ask(
      { phase: 'quiet', slot: slot(), container, window: 1000 },
      undefined,
      change === undefined ? {} : { change },
    );

  it('counts what is open, also without a request on it; none is 0; the containers are in the answer', async () => {
    const [one, two] = [await open(), await open()];
    expect(good(await watch()).connections).toBe(2);
    one.destroy();
    two.destroy();
    await Promise.all([once(one, 'close'), once(two, 'close')]);
    const quiet = good(await watch());
    expect(quiet.connections).toBe(0);
    expect(quiet.containers).toMatchObject([{ id: container, running: true }]);
  });

  it('lasts for its window: a connection that comes late is seen', async () => {
    const asked = instance.ask({ phase: 'quiet', slot: slot(), container, window: 20_000 });
    // The watch writes its line to the log before it begins.
    await instance.sh(
      'until tail -n 3 "$DEPLOYCTL_ROOT"/var/log/deployctl/*.log | grep -q "quiet backend/blue"; do sleep 0.1; done',
    );
    const socket = await open();
    expect(good(await asked).connections).toBe(1);
    socket.destroy();
  });

  it('what cannot be read has no number', async () => {
    const unreadable = good(await watch((script) => script.replace('/net/$quiet_table"', '/net/none"')));
    expect(unreadable.connections).toBeUndefined();
    const empty = good(await watch((script) => script.replace('cat "/proc/$quiet_pid/net/$quiet_table"', 'true')));
    expect(empty.connections).toBeUndefined();
    const ownUnknown = good(await watch((script) => script.replace('quiet_own=$(readlink', 'quiet_own=$(false')));
    expect(ownUnknown.connections).toBeUndefined();
  });

  it('nor has a container that does not run, or is not there', async () => {
    good(await instance.ask({ phase: 'stop', slot: slot(), stopTimeout: 1000, keep: 1 }));
    expect(good(await watch()).connections).toBeUndefined();
    container = 'f'.repeat(64);
    expect(good(await watch()).connections).toBeUndefined();
  });
});
