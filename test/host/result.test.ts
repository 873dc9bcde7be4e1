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
  ports: '8081,8081,,9090,',
  app: '',
  environment: '',
  service: '',
  color: '',
  release: '',
  digest: '',
};
const seen = (change: object, images: object = {}): unknown => {
  const result = parseResult(
    finished(JSON.stringify({ ok: true, containers: [{ ...wired, ...change }], images, fence: null })),
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

  it.each<[string, Parameters<typeof parseResult>[0], RegExp]>([
    ['nothing', finished('', 1, 'sh: 1: Permission denied\n'), /exit code 1 and no answer: sh: 1: Permission denied/],
    ['words', finished('Segmentation fault', 139), /not JSON \(exit code 139\)/],
    ['a cut line', finished('{"ok":true,"containers":[{"id'), /not JSON/],
    ['another shape', finished('{"ok":true,"containers":3,"fence":null}'), /unexpected shape at containers/],
    ['an unknown code', finished('{"ok":false,"code":"new","message":"","fence":null}'), /unexpected shape at code/],
  ])('takes %s for unknown', (_, state, message) => {
    expect(parseResult(state)).toMatchObject({ ok: false, code: 'broken-output' });
    const result = parseResult(state);
    expect(result.ok ? '' : result.message).toMatch(message);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), fc.string(), fc.integer(), (stdout, stderr, exitCode) => {
        expect(parseResult({ stdout, stderr, exitCode })).toHaveProperty('ok');
      }),
    );
  });
});
