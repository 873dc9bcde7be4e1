import type { AccessKey } from '../../src/sandbox/access.js';
import { ALGORITHM, signatureOf } from '../../src/sandbox/wire/signature.js';

/** A POST to the endpoint of a sandbox, for calls that no SDK makes. */
export interface Post {
  readonly host: string;
  readonly service: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly region?: string;
  readonly date?: Date;
  /** Headers that go without being signed. */
  readonly unsigned?: readonly string[];
}

/** The headers with which it is signed. */
export function sign(post: Post, key: AccessKey): Record<string, string> {
  const { service, region = 'eu-west-1', date = new Date(), unsigned = [] } = post;
  const amzDate = date.toISOString().replace(/[-:]|\.\d+/g, '');
  const headers: Record<string, string> = { host: post.host, 'x-amz-date': amzDate, ...post.headers };
  const signedHeaders = Object.keys(headers)
    .filter((name) => !unsigned.includes(name))
    .sort();
  const credential = { keyId: key.id, day: amzDate.slice(0, 8), region, service };
  const request = { method: 'POST', url: '/', headers: Object.entries(headers), body: Buffer.from(post.body) };
  const signature = signatureOf(request, { credential, signedHeaders }, amzDate, key.secret);
  const scope = `${key.id}/${credential.day}/${region}/${service}/aws4_request`;
  return {
    ...headers,
    authorization: `${ALGORITHM} Credential=${scope}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`,
  };
}
