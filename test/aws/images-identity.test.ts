import { describe, expect, it, vi } from 'vitest';
import { ecrRepository } from '../../src/aws/images.js';
import { messageOf } from '../../src/domain/errors.js';
import { useBench } from './wire.js';

const bench = useBench();
const repository = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/backend';
const digest = `sha256:${'a'.repeat(64)}`;

describe('ECR names', () => {
  it.each([
    [repository, 'eu-west-1'],
    ['123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/a', 'us-gov-west-1'],
    ['123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a', 'cn-north-1'],
    ['123456789012.dkr-ecr.eu-west-1.on.aws/a', 'eu-west-1'],
    ['public.ecr.aws/nginx/nginx', undefined],
    ['shop/backend', undefined],
    ['ghcr.io/123456789012.dkr.ecr.eu-west-1.amazonaws.com/a', undefined],
    ['123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example/a', undefined],
  ])('%s: %s', (name, region) => {
    expect(ecrRepository(name)?.region).toBe(region);
  });
});

describe('resolve', () => {
  it('asks ECR in the region of the repository', async () => {
    bench().wire.on('DescribeImages', { json: { imageDetails: [{ imageDigest: digest }] } });
    expect(await bench().aws.images.resolve(repository, '1.0.0')).toBe(digest);
    const [call] = bench().wire.calls;
    expect(call?.json).toEqual({
      registryId: '123456789012',
      repositoryName: 'shop/backend',
      imageIds: [{ imageTag: '1.0.0' }],
    });
    expect(call?.headers.authorization).toContain('/eu-west-1/ecr/');
  });

  it('asks nobody about other registries', async () => {
    expect(await bench().aws.images.resolve('shop/backend', '1.0.0')).toBeUndefined();
    expect(bench().wire.calls).toEqual([]);
  });

  it.each([
    ['ImageNotFoundException', 'has no tag 9.9.9'],
    ['RepositoryNotFoundException', 'there is no repository'],
  ])('%s names repository and tag', async (error, words) => {
    bench().wire.on('DescribeImages', { error, message: 'no' });
    const { message, kind } = await bench()
      .aws.images.resolve(repository, '9.9.9')
      .then(
        () => ({ message: '', kind: '' }),
        (reason: unknown) => reason as { message: string; kind: string },
      );
    expect(kind).toBe('not-found');
    for (const part of [words, repository, '9.9.9']) {
      expect(message).toContain(part);
    }
  });
});

describe('credentialsEnd', () => {
  it('is the expiration in the environment', async () => {
    vi.stubEnv('AWS_SESSION_TOKEN', 'token');
    vi.stubEnv('AWS_CREDENTIAL_EXPIRATION', '2030-01-02T03:04:05Z');
    expect(await bench().aws.identity.credentialsEnd()).toBe(Date.UTC(2030, 0, 2, 3, 4, 5));
  });

  it('is unknown for fixed keys', async () => {
    expect(await bench().aws.identity.credentialsEnd()).toBeUndefined();
  });

  it('says what to set when there are none', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', '');
    vi.stubEnv('AWS_CONFIG_FILE', '/dev/null');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/dev/null');
    const error: unknown = await bench()
      .aws.identity.credentialsEnd()
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ kind: 'access-denied' });
    expect(messageOf(error)).toContain('AWS_PROFILE');
  });
});

it('calls carry the name of the tool', async () => {
  bench().wire.on('GetParameter', { json: { Parameter: { Value: 'v' } } });
  await bench().aws.parameters.get('/a');
  expect(bench().wire.calls[0]?.headers['user-agent']).toMatch(/\bdeployctl\/\d+\.\d+\.\d+/);
});
