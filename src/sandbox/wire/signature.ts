/** Signature Version 4. Source: IAM guide, "Create a signed AWS API request" and "Elements of an AWS API request signature". */
import { createHash, createHmac } from 'node:crypto';

export const ALGORITHM = 'AWS4-HMAC-SHA256';

/** A request as it travels. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query, as on the request line. */
  readonly url: string;
  /** Name and value of each header, in their order. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

/** What the `Authorization` header says about a signature. */
export interface Credential {
  readonly keyId: string;
  /** YYYYMMDD */
  readonly day: string;
  readonly region: string;
  readonly service: string;
}

export interface Authorization {
  readonly credential: Credential;
  /** Lower case, in the order of the header. */
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

/** Reads `AWS4-HMAC-SHA256 Credential=ID/DAY/REGION/SERVICE/aws4_request, SignedHeaders=a;b, Signature=HEX`; undefined when it is something else. */
export function parseAuthorization(header: string): Authorization | undefined {
  const [algorithm, ...rest] = header.trim().split(/\s+/);
  if (algorithm !== ALGORITHM) return undefined;
  const parts = new Map(
    rest
      .join('')
      .split(',')
      .map((part) => {
        const at = part.indexOf('=');
        return [part.slice(0, at), part.slice(at + 1)] as const;
      }),
  );
  const [keyId, day, region, service, end, ...more] = (parts.get('Credential') ?? '').split('/');
  const signature = parts.get('Signature') ?? '';
  const signedHeaders = (parts.get('SignedHeaders') ?? '').split(';').map((name) => name.toLowerCase());
  if (keyId === undefined || day === undefined || region === undefined || service === undefined) return undefined;
  if (end !== 'aws4_request' || more.length > 0 || signature === '' || signedHeaders.includes('')) return undefined;
  return { credential: { keyId, day, region, service }, signedHeaders, signature };
}

/** The signature that a request must have, in hex. `date` is the value of X-Amz-Date; the hash is that of the body that came. */
export function signatureOf(
  request: SignedRequest,
  { credential, signedHeaders }: Pick<Authorization, 'credential' | 'signedHeaders'>,
  date: string,
  secret: string,
): string {
  const { day, region, service } = credential;
  const scope = [day, region, service, 'aws4_request'].join('/');
  const text = [ALGORITHM, date, scope, sha256(canonicalRequest(request, signedHeaders))].join('\n');
  const key = [day, region, service, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secret}`);
  return hmac(key, text).toString('hex');
}

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** All values of a header, as they are signed: trimmed, inner spaces made one, joined by commas; undefined when it did not come. */
export function signedValue(request: SignedRequest, name: string): string | undefined {
  const values = request.headers.filter(([one]) => one.toLowerCase() === name);
  return values.length === 0 ? undefined : values.map(([, value]) => value.trim().replace(/\s+/g, ' ')).join(',');
}

function canonicalRequest(request: SignedRequest, signedHeaders: readonly string[]): string {
  const [path = '', query = ''] = splitOnce(request.url, '?');
  return [
    request.method,
    canonicalPath(path),
    canonicalQuery(query),
    ...signedHeaders.map((name) => `${name}:${signedValue(request, name) ?? ''}`),
    '',
    signedHeaders.join(';'),
    sha256(request.body),
  ].join('\n');
}

/** Without `.`, `..` and empty parts, each part encoded once more. S3, which does neither, is not served here. */
function canonicalPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(encode(part));
  }
  const end = parts.length > 0 && path.endsWith('/') ? '/' : '';
  return `/${parts.join('/')}${end}`;
}

function canonicalQuery(query: string): string {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => splitOnce(pair, '=').map((part) => encode(decode(part))))
    .map(([name = '', value = '']) => [name, value] as const)
    .sort(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** RFC 3986: everything but its unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    // A lone % stands for itself.
    if (error instanceof URIError) return text;
    throw error;
  }
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
