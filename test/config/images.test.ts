import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DeployctlError } from '../../src/domain/errors.js';
import { isRepository, parseImage, parseRepository } from '../../src/config/images.js';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}` as const;

describe('images', () => {
  test.each([
    ['1.2.0', { repository: 'shop/backend', tag: '1.2.0' }],
    ['never-healthy', { repository: 'shop/backend', tag: 'never-healthy' }],
    [DIGEST, { repository: 'shop/backend', digest: DIGEST }],
    ['nginx:1.27', { repository: 'nginx', tag: '1.27' }],
    ['other/app:1', { repository: 'other/app', tag: '1' }],
    ['localhost:5000/app:1', { repository: 'localhost:5000/app', tag: '1' }],
    ['registry:5000/app:1', { repository: 'registry:5000/app', tag: '1' }],
    [
      `123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/app@${DIGEST}`,
      { repository: '123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/app', digest: DIGEST },
    ],
    [`shop/app:1@${DIGEST}`, { repository: 'shop/app', tag: '1', digest: DIGEST }],
  ])('%s', (text, image) => {
    expect(parseImage(text, 'shop/backend')).toEqual(image);
  });

  const wanted = 'not an image; write repository:tag, repository@sha256:…, or a bare tag of the configured repository';
  test.each([
    ['shop/backend', 'has no version; add a tag (shop/backend:1.2.0) or a digest (shop/backend@sha256:…)'],
    [
      'localhost:5000/app',
      'has no version; add a tag (localhost:5000/app:1.2.0) or a digest (localhost:5000/app@sha256:…)',
    ],
    ['Shop/Backend:1', wanted],
    ['shop/backend:', wanted],
    ['shop/backend:a b', wanted],
    ['shop/backend:1@', 'a digest is sha256: and 64 hexadecimal digits'],
    ['shop/backend@sha256:12', 'a digest is sha256: and 64 hexadecimal digits'],
    [':1', wanted],
    ['', wanted],
    ['--rm', wanted],
    ['x; rm -rf /', wanted],
  ])('refused: %s', (text, message) => {
    expect(() => parseImage(text, 'shop/backend')).toThrow(
      new DeployctlError({ code: 'usage.value', message: `${JSON.stringify(text)}: ${message}`, exitCode: 64 }),
    );
  });

  test('any text is an image of safe characters or a usage error', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          const image = parseImage(text, 'shop/backend');
          expect(`${image.repository} ${image.tag ?? ''} ${image.digest ?? ''}`).toMatch(/^[\w./:\- ]+$/);
          expect(image.tag ?? image.digest).toBeDefined();
        } catch (error) {
          expect(error).toBeInstanceOf(DeployctlError);
        }
      }),
    );
  });
});

describe('repositories', () => {
  test('of the configuration have no version', () => {
    expect(parseRepository('registry.example.com:5000/shop/back_end')).toBe('registry.example.com:5000/shop/back_end');
    expect(() => parseRepository('shop/backend:1.0.0')).toThrow(
      '"shop/backend:1.0.0": has a version; write shop/backend here and name 1.0.0 in `deployctl rollout`',
    );
    expect(() => parseRepository('Shop')).toThrow(
      '"Shop": not an image repository; write it like shop/backend or registry.example.com/shop/backend (lower case)',
    );
  });

  test('a repository with a tag is read back in its parts', () => {
    const repository = fc
      .array(fc.stringMatching(/^[a-z0-9]{1,8}$/), { minLength: 2, maxLength: 4 })
      .map((parts) => parts.join('/'));
    fc.assert(
      fc.property(repository, fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/), (name, tag) => {
        expect(isRepository(name)).toBe(true);
        expect(parseImage(`${name}:${tag}`, 'other')).toEqual({ repository: name, tag });
      }),
    );
  });
});
