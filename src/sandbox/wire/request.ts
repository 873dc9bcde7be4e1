/** Reading a request of the endpoint. */
import type { IncomingMessage } from 'node:http';
import { parseForm } from './form.js';
import type { ServiceName } from './protocols.js';
import { serviceOfVersion, ssmTarget } from './protocols.js';
import type { SignedRequest } from './signature.js';

/** What a call asks of which service. */
export interface Call {
  readonly service: ServiceName;
  readonly operation: string;
  readonly params: Record<string, unknown>;
}

const maxBodyBytes = 4 * 1024 * 1024;

export class BadRequest extends Error {
  constructor(
    message: string,
    readonly status = 400,
  ) {
    super(message);
  }
}

/** Reads what a call asks of which service. @throws BadRequest */
export function route(target: string | string[] | undefined, body: string): Call {
  if (typeof target === 'string') {
    if (!target.startsWith(ssmTarget)) {
      throw new BadRequest(`X-Amz-Target is ${target}; this sandbox serves ${ssmTarget}… (SSM) only`);
    }
    return { service: 'ssm', operation: target.slice(ssmTarget.length), params: asRecord(parseJson(body) ?? {}) };
  }
  const { Action: action, Version: version, ...params } = parseForm(body);
  const service = typeof version === 'string' ? serviceOfVersion[version] : undefined;
  if (typeof action !== 'string' || action === '' || service === undefined) {
    throw new BadRequest(
      `a call of Action ${JSON.stringify(action)}, Version ${JSON.stringify(version)}; this sandbox serves ` +
        'EC2 (2016-11-15), ELBv2 (2015-12-01), STS (2011-06-15) and SSM (X-Amz-Target)',
    );
  }
  if (!/^[A-Za-z0-9]+$/.test(action)) {
    throw new BadRequest(`Action is ${JSON.stringify(action)}; it must be the name of an operation`);
  }
  return { service, operation: action, params };
}

/** @throws BadRequest */
export function pathOf(request: IncomingMessage): string {
  const { url = '/' } = request;
  if (!URL.canParse(url, 'http://sandbox'))
    throw new BadRequest(`the request line names ${JSON.stringify(url)}, which is no path`);
  return new URL(url, 'http://sandbox').pathname;
}

/** The request with the bytes that a signature covers. */
export function signedRequest(request: IncomingMessage, body: Buffer): SignedRequest {
  const { method = 'GET', url = '/', rawHeaders } = request;
  const headers = rawHeaders.flatMap((name, index) =>
    index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ''] as const] : [],
  );
  return { method, url, headers, body };
}

/** @throws BadRequest when it is too long */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    size += bytes.length;
    if (size > maxBodyBytes) {
      throw new BadRequest(`the request body is over ${maxBodyBytes} bytes`, 413);
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/** Undefined for an empty body. @throws BadRequest */
export function parseJson(body: string): unknown {
  if (body === '') {
    return undefined;
  }
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new BadRequest(`the request body is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new BadRequest('the request body must be a JSON object');
  }
  return { ...value };
}
