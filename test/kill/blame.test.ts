import { describe, expect, it } from 'vitest';
import type { AccessEntry } from '../../src/sandbox/load-balancer/access-log.js';
import { toBlameFor } from './blame.js';

const [one, other] = ['i-1:8081', 'i-2:8081'];
const second = (at: number): string => new Date(at * 1000).toISOString();
/** Refused by a target while its container was started again: the log names the image of that container. */
const refused: AccessEntry = {
  time: second(143.971),
  method: 'GET',
  path: '/api/',
  host: '127.0.0.1',
  rule: '10',
  ruleArn: null,
  group: null,
  groupName: 'shop-backend-blue',
  target: other,
  address: '127.0.0.2',
  image: 'shop/backend@sha256:old',
  digest: 'sha256:old',
  status: 502,
  targetStatus: null,
  durationMs: 3,
  error: "the target's connection failed: ECONNREFUSED",
};
const blamed = (...events: readonly string[]): number =>
  toBlameFor('dies', [refused], new Set(['sha256:old']), [...events, ''].join('\n')).length;

describe('a request that failed after a release had died', () => {
  const bothUp = [`130.100 ${one} healthy`, `130.200 ${other} healthy`];
  const putBack = '143.100 i-2 begins deployctl shop/production restore 4.0.1';

  it('is lost to the release where its target is being put back and nobody else was healthy', () => {
    expect(blamed(...bothUp, `138.000 deregister ${one}`, putBack)).toBe(0);
    expect(blamed(...bothUp, `140.000 ${one} unhealthy`, putBack)).toBe(0);
  });

  it('is lost to deployctl where somebody else was healthy', () => {
    expect(blamed(...bothUp, putBack)).toBe(1);
    expect(blamed(...bothUp, `140.000 ${one} unhealthy`, `142.000 ${one} healthy`, putBack)).toBe(1);
  });

  it('is lost to deployctl where only a target on another port was not healthy', () => {
    expect(blamed(...bothUp, '140.000 i-1:8091 unhealthy', putBack)).toBe(1);
  });

  it('is lost to deployctl where nothing was being put back', () => {
    expect(blamed(...bothUp, `138.000 deregister ${one}`)).toBe(1);
    expect(
      blamed(
        ...bothUp,
        `138.000 deregister ${one}`,
        putBack,
        '143.500 i-2 ends deployctl shop/production restore 4.0.1',
      ),
    ).toBe(1);
  });
});
