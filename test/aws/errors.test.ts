import { describe, expect, it } from 'vitest';
import { toPortError } from '../../src/aws/errors.js';
import { messageOf, PortError, TimeLimit } from '../../src/domain/errors.js';
import { useBench } from './wire.js';
import type { Answer } from './wire.js';

const group = 'arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/blue/0123';
const bench = useBench();

async function caught(work: Promise<unknown>): Promise<PortError> {
  const error: unknown = await work.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof PortError)) {
    throw new Error('not a PortError', { cause: error });
  }
  return error;
}

/** A change, so that nothing is repeated. */
const register = (): Promise<PortError> =>
  caught(bench().aws.traffic.register(group, [{ instance: 'i-0123456789abcdef0', port: 8080 }]));
const put = (): Promise<PortError> => caught(bench().aws.parameters.create('/a/b', 'v'));

describe('ELBv2 (XML)', () => {
  it.each<[Answer, string, string | undefined]>([
    [
      { error: 'TargetGroupNotFound', message: 'One or more target groups not found' },
      'not-found',
      'TargetGroupNotFound',
    ],
    [{ error: 'InvalidTarget', message: 'no' }, 'invalid', 'InvalidTarget'],
    [{ error: 'ValidationError', message: 'no' }, 'invalid', 'ValidationError'],
    [{ error: 'Throttling', message: 'Rate exceeded' }, 'throttled', 'Throttling'],
    [{ error: 'ThrottlingException', message: 'Rate exceeded' }, 'throttled', 'ThrottlingException'],
    [{ error: 'AccessDenied', message: 'User is not authorized', status: 403 }, 'access-denied', 'AccessDenied'],
    [{ error: 'ExpiredToken', message: 'expired', status: 403 }, 'expired-credentials', 'ExpiredToken'],
    [{ error: 'PriorRequestNotComplete', status: 429 }, 'conflict', 'PriorRequestNotComplete'],
    [{ error: 'ServiceUnavailable', status: 503 }, 'server', 'ServiceUnavailable'],
    [{ error: 'InternalFailure', status: 500 }, 'server', 'InternalFailure'],
    [{ error: 'SomethingNew', status: 418 }, 'invalid', 'SomethingNew'],
    [{ raw: '<html>bad gateway</html>', status: 502 }, 'server', undefined],
    [{ raw: 'not xml at all', status: 200 }, 'server', undefined],
    ['cut', 'network', undefined],
  ])('%o is %s', async (answer, kind, code) => {
    bench().wire.on('RegisterTargets', answer);
    const error = await register();
    expect(error).toMatchObject({ kind, operation: 'elbv2:RegisterTargets' });
    if (code !== undefined) {
      expect(error.serviceCode).toBe(code);
      expect(error.requestId).toBe('request-1');
    }
    expect(bench().wire.calls).toHaveLength(1);
  });

  it('names the right that is missing', async () => {
    bench().wire.on('RegisterTargets', { error: 'AccessDenied', message: 'User: x is not authorized', status: 403 });
    expect(messageOf(await register())).toMatch(/; allow elasticloadbalancing:RegisterTargets for this identity$/);
  });
});

describe('SSM (JSON)', () => {
  it.each<[Answer, string]>([
    [{ error: 'ParameterAlreadyExists', message: 'The parameter already exists.' }, 'already-exists'],
    [{ error: 'com.amazonaws.ssm#TooManyUpdates' }, 'conflict'],
    [{ error: 'ThrottlingException', message: 'Rate exceeded' }, 'throttled'],
    [{ error: 'ValidationException', message: 'no' }, 'invalid'],
    [{ error: 'AccessDeniedException', message: 'no' }, 'access-denied'],
    [{ error: 'ExpiredTokenException', message: 'expired' }, 'expired-credentials'],
    [{ error: 'InternalServerError', status: 500 }, 'server'],
    [{ raw: '', status: 400 }, 'invalid'],
    [{ raw: '<html>', status: 200 }, 'server'],
    ['cut', 'network'],
  ])('%o is %s', async (answer, kind) => {
    bench().wire.on('PutParameter', answer);
    expect(await put()).toMatchObject({ kind, operation: 'ssm:PutParameter' });
    expect(bench().wire.calls).toHaveLength(1);
  });

  it('does not pass on "UnknownError" for a message that is missing', async () => {
    bench().wire.on('PutParameter', { error: 'TooManyUpdates' });
    const { message } = await put();
    expect(message).toContain('TooManyUpdates');
    expect(message).not.toContain('UnknownError');
  });
});

describe('EC2', () => {
  it.each<[Answer, string]>([
    [{ error: 'UnauthorizedOperation', message: 'no', status: 403 }, 'access-denied'],
    [{ error: 'InvalidInstanceID.NotFound', message: 'no' }, 'not-found'],
    [{ error: 'RequestExpired', message: 'no' }, 'expired-credentials'],
    [{ error: 'AuthFailure', message: 'no', status: 401 }, 'access-denied'],
  ])('%o is %s', async (answer, kind) => {
    bench().wire.on('DescribeInstances', answer);
    const read = bench().aws.fleet.instances({ is: 'tags', tags: { app: 'shop' } }, { is: 'ports' });
    expect(await caught(read)).toMatchObject({ kind, operation: 'ec2:DescribeInstances' });
  });
});

describe('our own side', () => {
  it('an abort is `aborted` at once, though nothing answers', async () => {
    const abort = new AbortController();
    bench().wire.on('DescribeTargetHealth', () => {
      queueMicrotask(() => {
        abort.abort(new Error('enough'));
      });
      return 'silence';
    });
    const error = await caught(bench().aws.traffic.targets(group, abort.signal));
    expect(error).toMatchObject({ kind: 'aborted', operation: 'elbv2:DescribeTargetHealth' });
  });

  it('an abort before the call sends nothing', async () => {
    const error = await caught(bench().aws.traffic.targets(group, AbortSignal.abort()));
    expect(error.kind).toBe('aborted');
    expect(bench().wire.calls).toHaveLength(0);
  });

  it('a time limit is a timeout, for the caller and for who was given the signal', () => {
    const limit = new TimeLimit(10);
    expect(toPortError(limit, 'ssm:PutParameter')).toMatchObject({ kind: 'timeout' });
    const aborted = Object.assign(new Error('Request aborted'), { name: 'AbortError' });
    expect(toPortError(aborted, 'ssm:PutParameter', { signal: AbortSignal.abort(limit) })).toMatchObject({
      kind: 'timeout',
    });
  });

  it('an abort says who asked for it', () => {
    const aborted = Object.assign(new Error('Request aborted'), { name: 'AbortError' });
    const asked = AbortSignal.abort(new Error('interrupted by SIGINT'));
    expect(toPortError(aborted, 'ssm:PutParameter', { signal: asked })).toMatchObject({
      kind: 'aborted',
      message: 'ssm:PutParameter: the call was aborted: interrupted by SIGINT',
    });
  });

  it('a read that runs out of time in a storm of throttling was throttled, and says so', async () => {
    const limit = new AbortController();
    bench().wire.on('DescribeTargetHealth', (_, times) => {
      if (times === 2) setImmediate(() => limit.abort(new TimeLimit(20_000)));
      return times < 3 ? { error: 'Throttling', message: 'Rate exceeded' } : 'silence';
    });
    const error = await caught(bench().aws.traffic.targets(group, limit.signal));
    expect(error).toMatchObject({ kind: 'throttled', serviceCode: 'Throttling' });
    expect(error.message).toMatch(/^elbv2:DescribeTargetHealth: Throttling: Rate exceeded \([23] attempts in \d+ s\)$/);
  });

  it.each([
    [Object.assign(new Error('x'), { code: 'ETIMEDOUT' }), 'timeout'],
    [Object.assign(new Error('x'), { name: 'TimeoutError' }), 'timeout'],
    [Object.assign(new Error('x'), { code: 'ENOTFOUND' }), 'network'],
    [new Error('x', { cause: Object.assign(new Error('y'), { code: 'ECONNREFUSED' }) }), 'network'],
    [new AggregateError([Object.assign(new Error('y'), { code: 'ECONNREFUSED' })]), 'network'],
    [
      Object.assign(new Error('Could not load credentials from any providers'), { name: 'CredentialsProviderError' }),
      'access-denied',
    ],
    [
      Object.assign(new Error('The SSO session has expired'), { name: 'CredentialsProviderError' }),
      'expired-credentials',
    ],
  ])('%s is %s', (error, kind) => {
    expect(toPortError(error, 'ssm:PutParameter')).toMatchObject({ kind });
  });

  it('having no credentials is told from lacking a right', () => {
    const none = Object.assign(new Error('Could not load credentials'), { name: 'CredentialsProviderError' });
    expect(toPortError(none, 'ssm:PutParameter')).toMatchObject({ serviceCode: 'CredentialsProviderError' });
  });

  it('a bug stays a bug', () => {
    const bug = new TypeError('x is not a function');
    expect(toPortError(bug, 'ssm:PutParameter')).toBe(bug);
  });
});
