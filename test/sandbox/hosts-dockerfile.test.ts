import { describe, expect, test } from 'vitest';
import { parseDockerfile } from '../../src/sandbox/hosts/process/dockerfile.js';
import { parseReference } from '../../src/sandbox/hosts/process/reference.js';

const base = 'FROM node:20\n';

describe('Dockerfile', () => {
  test.each([
    ['ENV A=1 B="two words" C=\'$A\' D=$A', { env: ['A=1', 'B=two words', 'C=$A', 'D='] }],
    ['ENV A=1\nENV D=${A}x E=${NONE:-dflt} F=${A:+set} G=\\$A', { env: ['A=1', 'D=1x', 'E=dflt', 'F=set', 'G=$A'] }],
    ['ENV OLD the whole rest', { env: ['OLD=the whole rest'] }],
    ['ARG V=dev\nENV V=$V', { env: ['V=given'] }],
    ['ARG W=dev\nENV V=$W', { env: ['V=dev'] }],
    ['CMD ["node","server.js"]', { cmd: ['node', 'server.js'] }],
    ['CMD node server.js', { cmd: ['/bin/sh', '-c', 'node server.js'] }],
    ['ENTRYPOINT ["a"]\nCMD ["b"]', { entrypoint: ['a'], cmd: ['b'] }],
    ['CMD ["node", \\\n  # why\n\n  "x.js"]', { cmd: ['node', 'x.js'] }],
    ['workdir /a\nWORKDIR b/../c', { workingDir: '/a/c' }],
    ['EXPOSE 3000 53/udp', { exposedPorts: ['3000/tcp', '53/udp'] }],
    ['LABEL a=b "c d"="e f"', { labels: { a: 'b', 'c d': 'e f' } }],
    ['STOPSIGNAL SIGQUIT\nUSER node', { stopSignal: 'SIGQUIT', user: 'node' }],
    [
      'HEALTHCHECK --interval=5s --retries=2 CMD curl -f http://x',
      { healthcheck: { test: ['CMD-SHELL', 'curl -f http://x'], options: { interval: '5s', retries: '2' } } },
    ],
    ['HEALTHCHECK NONE', { healthcheck: { test: ['NONE'], options: {} } }],
  ])('%s', (text, wanted) => {
    expect(parseDockerfile(base + text, { V: 'given' }).config).toMatchObject(wanted);
  });

  test.each([
    ['COPY a b/', [{ sources: ['a'], target: '/b/' }]],
    ['WORKDIR /app\nCOPY --chown=node:node . .', [{ sources: ['.'], target: '/app/' }]],
    ['COPY a b c/', [{ sources: ['a', 'b'], target: '/c/' }]],
    ['COPY ["a b", "/c"]', [{ sources: ['a b'], target: '/c' }]],
  ])('%s', (text, wanted) => {
    expect(parseDockerfile(base + text).copies).toEqual(wanted);
  });

  test.each([
    [`${base}RUN npm ci`, /line 2: RUN needs a real engine.*npm ci/],
    ['CMD x', /FROM must come first/],
    ['# only a comment', /FROM is missing/],
    [`${base}FROM other`, /several stages need a real engine/],
    [`${base}COPY --from=x a b`, /--from=x needs a real engine/],
    [`${base}NOSUCH x`, /unknown instruction: NOSUCH/],
    [`${base}COPY a`, /at least two arguments/],
    [`${base}EXPOSE abc`, /invalid containerPort: abc/],
    [`${base}ENV A`, /must have two arguments/],
  ])('refuses %s', (text, message) => {
    expect(() => parseDockerfile(text)).toThrow(message);
  });

  test('names build arguments that nothing declares', () => {
    expect(parseDockerfile(`${base}ARG A`, { A: '1', B: '2' }).unusedArgs).toEqual(['B']);
  });
});

describe('references', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  test.each([
    ['shop/backend', { repository: 'shop/backend', tag: 'latest' }],
    ['localhost:5000/a/b:1.0', { repository: 'localhost:5000/a/b', tag: '1.0' }],
    ['docker.io/library/nginx', { repository: 'nginx', tag: 'latest' }],
    [`a/b:1@${digest}`, { repository: 'a/b', digest }],
  ])('%s', (text, wanted) => {
    expect(parseReference(text)).toEqual(wanted);
  });

  test.each([
    ['', 'invalid'],
    ['a b', 'invalid'],
    ['a:b c', 'invalid'],
    ['a@sha256:12', 'invalid'],
    ['shop/Backend', 'must be lowercase'],
    ['../x', 'invalid'],
  ])('refuses %j', (text, message) => {
    expect(() => parseReference(text)).toThrow(message);
  });
});
