import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { parseResult } from '../../src/host/result.js';

const finished = (stdout: string, exitCode = 0, stderr = ''): Parameters<typeof parseResult>[0] => ({
  exitCode,
  stdout,
  stderr,
});
const id = 'sha256:' + '1'.repeat(64);
const digest = 'sha256:' + '2'.repeat(64);
const other = 'sha256:' + '3'.repeat(64);
const wired = {
  id: 'c1',
  name: '/backend',
  image: id,
  reference: 'host:5000/shop/backend:1.0.0',
  status: 'running',
  startedAt: '2026-01-01T00:00:00Z',
  restartCount: 0,
  exitCode: 0,
  oomKilled: false,
  restartPolicy: 'always',
  memoryLimit: 0,
  ports: '8081:3000/tcp,8081:3000/tcp,0:3000/tcp,9090:9090/tcp,8081:3000/udp,5353:53/udp,',
  app: '',
  environment: '',
  service: '',
  color: '',
  release: '',
  digest: '',
};
const SCOPE = { app: 'shop', environment: 'production' };
const seen = (change: object, images: object = {}, more: object = {}): unknown => {
  const result = parseResult(
    finished(JSON.stringify({ ok: true, containers: [{ ...wired, ...change }], images, fence: null, ...more })),
    SCOPE,
  );
  return result.ok ? result.containers?.[0] : result;
};

describe('answers of the instance script', () => {
  it('takes the digest from the label, else from the repository that was asked for, else from any, else the image id', () => {
    expect(seen({}, { [id]: [`elsewhere@${other}`, `host:5000/shop/backend@${digest}`] })).toMatchObject({
      name: 'backend',
      ports: [8081, 9090],
      digest,
    });
    expect(seen({}, { [id]: [`elsewhere@${other}`] })).toMatchObject({ digest: other });
    expect(seen({}, { [id]: null })).toMatchObject({ digest: id });
    expect(seen({ digest: other }, { [id]: [`x@${digest}`] })).toMatchObject({ digest: other });
  });

  it('calls a container that waits for its next restart not running, and says that it waits', () => {
    expect(seen({ status: 'restarting' })).toMatchObject({ running: false, restarting: true });
    expect(seen({ status: 'exited' })).not.toHaveProperty('restarting');
  });

  it('says whose a container is: by all its labels, or as this environment has adopted it', () => {
    const labels = { service: 'backend', color: 'blue', release: 'r-1', digest: other };
    const ours = { ours: { service: 'backend', color: 'blue', release: 'r-1' } };
    expect(seen({ ...SCOPE, ...labels })).toMatchObject(ours);
    const staging = seen({ ...SCOPE, environment: 'staging', ...labels });
    expect(staging).toMatchObject({ owner: 'shop/staging' });
    expect(staging).not.toHaveProperty('ours');
    expect(seen({}, {}, { adopted: ['c0 frontend blue', 'c1 backend green'] })).toMatchObject({
      adopted: { service: 'backend', color: 'green' },
    });
    // A label of ours is never overruled by a mark.
    expect(seen({ app: 'else' }, {}, { adopted: ['c1 backend green'] })).not.toHaveProperty('adopted');
  });

  it('takes a range of ports for what it may become of a container that is about to be started again', () => {
    const ports = '8080-8083:3000/tcp,8082:3000/tcp,';
    expect(seen({ ports })).toMatchObject({ ports: [8082] });
    expect(seen({ ports, status: 'restarting' })).toMatchObject({ ports: [8080, 8081, 8082, 8083] });
    expect(seen({ status: 'paused' })).toMatchObject({ running: false, paused: true });
  });

  it('knows the repositories of an image that was named by its id', () => {
    const images = { [id]: [`shop/backend@${digest}`] };
    expect(seen({ reference: '111111111111' }, images)).toMatchObject({
      repositories: ['111111111111', `shop/backend@${digest}`],
    });
    expect(seen({}, images)).not.toHaveProperty('repositories');
  });

  it.each<[string, Parameters<typeof parseResult>[0], RegExp]>([
    ['nothing', finished('', 1, 'sh: 1: Permission denied\n'), /exit code 1 and no answer: sh: 1: Permission denied/],
    ['words', finished('Segmentation fault', 139), /not JSON \(exit code 139\)/],
    ['a cut line', finished('{"ok":true,"containers":[{"id'), /not JSON/],
    ['another shape', finished('{"ok":true,"containers":3,"fence":null}'), /unexpected shape at containers/],
    ['an unknown code', finished('{"ok":false,"code":"new","message":"","fence":null}'), /unexpected shape at code/],
  ])('takes %s for unknown', (_, state, message) => {
    expect(parseResult(state, SCOPE)).toMatchObject({ ok: false, code: 'broken-output' });
    const result = parseResult(state, SCOPE);
    expect(result.ok ? '' : result.message).toMatch(message);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), fc.string(), fc.integer(), (stdout, stderr, exitCode) => {
        expect(parseResult({ stdout, stderr, exitCode }, SCOPE)).toHaveProperty('ok');
      }),
    );
  });
});
