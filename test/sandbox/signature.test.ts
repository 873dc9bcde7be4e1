import { describe, expect, it } from 'vitest';
import type { Access, AccessKey } from '../../src/sandbox/access.js';
import { createAccess } from '../../src/sandbox/access.js';
import { AwsError } from '../../src/sandbox/types.js';
import { authenticate } from '../../src/sandbox/wire/authenticate.js';
import type { ServiceName } from '../../src/sandbox/wire/protocols.js';
import type { SignedRequest } from '../../src/sandbox/wire/signature.js';
import { parseAuthorization, signatureOf } from '../../src/sandbox/wire/signature.js';
import type { Post } from './sign.js';
import { sign } from './sign.js';

/** Requests that AWS has published with their signatures: IAM guide, and the Signature Version 4 test suite. */
describe('signatures of AWS itself', () => {
  const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
  const date = '20150830T123600Z';
  const published = (
    service: string,
    request: Partial<SignedRequest>,
    headers: readonly (readonly [string, string])[] = [],
    host = 'example.amazonaws.com',
  ): string => {
    const all = [['Host', host], ['X-Amz-Date', date], ...headers] as const;
    const signedHeaders = [...new Set(all.map(([name]) => name.toLowerCase()))].sort();
    const credential = { keyId: 'AKIDEXAMPLE', day: '20150830', region: 'us-east-1', service };
    const whole = { method: 'GET', url: '/', body: new Uint8Array(), ...request, headers: all };
    return signatureOf(whole, { credential, signedHeaders }, date, secret);
  };

  it('a call of the Query protocol, with its content type', () => {
    const url = '/?Action=ListUsers&Version=2010-05-08';
    const type = ['Content-Type', 'application/x-www-form-urlencoded; charset=utf-8'] as const;
    expect(published('iam', { url }, [type], 'iam.amazonaws.com')).toBe(
      '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    );
  });

  it.each([
    ['nothing but the host', {}, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    [
      'parameters in another order',
      { url: '/?Param2=value2&Param1=value1' },
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
    [
      'a path with parts to leave out',
      { url: '/example/..' },
      '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
    ],
    ['a POST', { method: 'POST' }, '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
  ])('%s', (_, request, wanted) => {
    expect(published('service', request)).toBe(wanted);
  });

  it.each([
    [
      'a header that comes several times',
      [
        ['My-Header1', 'value2'],
        ['My-Header1', 'value2'],
        ['My-Header1', 'value1'],
      ],
      'c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea',
    ],
    [
      'values with spaces around and inside',
      [
        ['My-Header1', ' value1'],
        ['My-Header2', ' "a   b   c"'],
      ],
      'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736',
    ],
  ] as const)('%s', (_, headers, wanted) => {
    expect(published('service', {}, headers)).toBe(wanted);
  });
});

describe('the Authorization header', () => {
  const wanted = {
    credential: { keyId: 'AKID', day: '20150830', region: 'eu-west-1', service: 'ssm' },
    signedHeaders: ['host', 'x-amz-date'],
    signature: 'ab',
  };
  it.each(['%, %, %', '%,%,%'])('with parts apart as in %s', (form) => {
    const parts = [
      'Credential=AKID/20150830/eu-west-1/ssm/aws4_request',
      'SignedHeaders=host;x-amz-date',
      'Signature=ab',
    ];
    const text = parts.reduce((filled, part) => filled.replace('%', part), form);
    expect(parseAuthorization(`AWS4-HMAC-SHA256 ${text}`)).toEqual(wanted);
  });
  it.each([
    '',
    'Bearer abc',
    'AWS4-HMAC-SHA256',
    'AWS4-ECDSA-P256-SHA256 Credential=AKID/20150830/ssm/aws4_request, SignedHeaders=host, Signature=ab',
    'AWS4-HMAC-SHA256 Credential=AKID/20150830/eu-west-1/ssm, SignedHeaders=host, Signature=ab',
    'AWS4-HMAC-SHA256 Credential=AKID/20150830/eu-west-1/ssm/aws4_request, SignedHeaders=, Signature=ab',
    'AWS4-HMAC-SHA256 Credential=AKID/20150830/eu-west-1/ssm/aws4_request, SignedHeaders=host, Signature=',
  ])('that is none: %s', (text) => {
    expect(parseAuthorization(text)).toBeUndefined();
  });
});

describe('who signed', () => {
  const access: Access = createAccess();
  const now = Date.UTC(2026, 10, 24, 12);
  const post: Post = {
    host: '127.0.0.1:4566',
    service: 'ssm',
    body: '{"Name":"x"}',
    date: new Date(now),
    headers: { 'x-amz-target': 'AmazonSSM.GetParameter' },
  };
  /** What becomes of a request that was signed as `changed` says, and then arrives with `arrives`. */
  const judged = (
    changed: Partial<Post> = {},
    {
      key = access.client,
      service = 'ssm',
      arrives = {},
    }: { key?: AccessKey; service?: ServiceName | 'none'; arrives?: Partial<SignedRequest> } = {},
  ): string => {
    const made = { ...post, ...changed };
    const headers = Object.entries(sign(made, key));
    const request = { method: 'POST', url: '/', headers, body: Buffer.from(made.body), ...arrives };
    const named = service === 'none' ? undefined : service;
    const result = authenticate(request, named, { access, region: 'eu-west-1', now: () => now });
    return result instanceof AwsError ? `${result.status} ${result.code}: ${result.message}` : result;
  };
  const headersOf = (change: (headers: Record<string, string>) => void): [string, string][] => {
    const headers = sign(post, access.client);
    change(headers);
    return Object.entries(headers);
  };

  it('is told by the key', () => {
    expect(judged()).toBe('client');
    expect(judged({}, { key: access.root })).toBe('root');
    // One key's id with the secret of the other is nobody's.
    expect(judged({}, { key: { ...access.root, id: access.client.id } })).toMatch(/^400 InvalidSignatureException: /);
  });

  it('is nobody when anything that matters was changed on the way', () => {
    const mismatch = /^400 InvalidSignatureException: The request signature we calculated does not match/;
    expect(judged({}, { arrives: { body: Buffer.from('{"Name":"y"}') } })).toMatch(mismatch);
    expect(judged({}, { arrives: { method: 'PUT' } })).toMatch(mismatch);
    expect(judged({}, { arrives: { url: '/?Name=y' } })).toMatch(mismatch);
    const target = headersOf((headers) => (headers['x-amz-target'] = 'AmazonSSM.SendCommand'));
    expect(judged({}, { arrives: { headers: target } })).toMatch(mismatch);
    const host = headersOf((headers) => (headers['host'] = 'localhost:4566'));
    expect(judged({}, { arrives: { headers: host } })).toMatch(mismatch);
    // The hash that the client states is not taken for that of the body.
    const stated = { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', ...post.headers };
    expect(judged({ headers: stated }, { arrives: { body: Buffer.from('{"Name":"y"}') } })).toMatch(mismatch);
  });

  it('is nobody when something that matters was not signed', () => {
    expect(judged({ unsigned: ['x-amz-target'] })).toMatch(/'x-amz-target' must be a 'SignedHeader'/);
    expect(judged({ unsigned: ['host'] })).toMatch(/'host' must be a 'SignedHeader'/);
    expect(judged({ unsigned: ['x-amz-date'] })).toMatch(/'x-amz-date' must be a 'SignedHeader'/);
    const added: [string, string][] = [...headersOf(() => undefined), ['X-Amz-Target', 'AmazonSSM.SendCommand']];
    expect(judged({}, { arrives: { headers: added } })).toMatch(/^400 InvalidSignatureException: The request/);
  });

  it('is nobody at another time, in another Region, for another service', () => {
    const minutes = (count: number): Date => new Date(now + count * 60_000);
    expect(judged({ date: minutes(-14) })).toBe('client');
    expect(judged({ date: minutes(14) })).toBe('client');
    expect(judged({ date: minutes(-16) })).toMatch(/Signature expired: 20261124T114400Z/);
    expect(judged({ date: minutes(16) })).toMatch(/Signature not yet current: 20261124T121600Z/);
    const undated = headersOf((headers) => delete headers['x-amz-date']);
    expect(judged({}, { arrives: { headers: undated } })).toMatch(/^400 IncompleteSignatureException: .*X-Amz-Date/);
    expect(judged({ region: 'us-east-1' })).toMatch(/scoped to a valid region, not 'us-east-1'; it is 'eu-west-1'/);
    expect(judged({ service: 'ec2' })).toMatch(/scoped to correct service: 'ssm'/);
  });

  it('gets the refusal in the words of the service', () => {
    const stranger = createAccess().client;
    const unsigned = { arrives: { headers: Object.entries({ host: post.host }) } };
    const shown = (['ssm', 'ec2', 'elbv2', 'sts', 'none'] as const).map((service) => {
      const scope = service === 'elbv2' ? 'elasticloadbalancing' : service;
      const of = (more: Parameters<typeof judged>[1], date = post.date ?? new Date(now)): string =>
        judged({ service: scope, date }, { service, ...more }).replace(/:.*/, '');
      return [
        of(unsigned),
        of({ key: stranger }),
        of({ arrives: { body: Buffer.from('else') } }),
        of({}, new Date(now - 3_600_000)),
      ];
    });
    const query = [
      '403 MissingAuthenticationToken',
      '403 InvalidClientTokenId',
      '403 SignatureDoesNotMatch',
      '403 SignatureDoesNotMatch',
    ];
    expect(shown).toEqual([
      [
        '400 MissingAuthenticationTokenException',
        '400 UnrecognizedClientException',
        '400 InvalidSignatureException',
        '400 InvalidSignatureException',
      ],
      ['403 MissingAuthenticationToken', '401 AuthFailure', '401 AuthFailure', '400 RequestExpired'],
      query,
      query,
      query,
    ]);
  });

  it('has no session: a token is of other credentials', () => {
    const headers = { ...post.headers, 'x-amz-security-token': 'left over' };
    expect(judged({ headers })).toMatch(/^400 UnrecognizedClientException: The security token/);
  });

  it('finds no secret in a refusal', () => {
    const all = [judged({ region: 'x' }), judged({}, { arrives: { body: Buffer.from('') } }), judged({ service: 'x' })];
    expect(all.filter((text) => text.includes(access.client.secret))).toEqual([]);
  });
});

describe('keys', () => {
  it('are made anew for each sandbox, in the form of AWS', () => {
    const [one, two] = [createAccess(), createAccess()];
    const all = [one, two].flatMap(({ client, root, control }) => [
      client.id,
      client.secret,
      root.id,
      root.secret,
      control,
    ]);
    expect(new Set(all).size).toBe(10);
    expect(one.client.id).toMatch(/^AKIASANDBOX[A-Z2-7]{9}$/);
    expect(one.client.secret).toMatch(/^[\w-]{40}$/);
    expect(one.control).toMatch(/^[0-9a-f]{64}$/);
  });
});
