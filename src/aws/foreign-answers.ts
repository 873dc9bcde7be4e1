/** A page where an answer of AWS was expected: a proxy, a captive portal, a wrong address. It says nothing of the call, whatever its status is. */
export class ForeignAnswer extends Error {
  constructor(
    readonly status: number,
    readonly endpoint: string,
  ) {
    super(
      `${endpoint} answered with an HTML page (HTTP ${String(status)}), not as AWS does; a proxy or another server is in between`,
    );
    this.name = 'ForeignAnswer';
  }
}

interface Request {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
}

interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  body?: unknown;
}

type Send = (args: { readonly request: unknown }) => Promise<{ readonly response: unknown }>;

/** Of the middleware of a client what is used here: the SDK types it for each service by all of its inputs and outputs. */
interface Stack {
  add(
    middleware: (next: Send) => Send,
    options: { readonly step: 'deserialize'; readonly name: string; readonly priority: 'low' },
  ): void;
}

/**
 * Sees each answer before the SDK does, which takes an HTML page with status 200 for an answer without content: a registration would count as done.
 * @returns where the last request went
 */
export function watchAnswers(client: { readonly middlewareStack: object }): () => string | undefined {
  let endpoint: string | undefined;
  (client.middlewareStack as Stack).add(
    (next) => async (args) => {
      if (isRequest(args.request)) endpoint = originOf(args.request);
      const result = await next(args);
      const { response } = result;
      if (isAnswer(response) && !/\b(?:xml|json)\b|\+xml|x-amz-json/.test(response.headers['content-type'] ?? '')) {
        // Some emulators send XML as text/html, so the body is what counts.
        const bytes = await bytesOf(response.body);
        response.body = bytes;
        if (/^\s*<(?:!doctype html|html)\b/i.test(Buffer.from(bytes.subarray(0, 200)).toString('utf8'))) {
          throw new ForeignAnswer(response.statusCode, endpoint ?? 'the endpoint');
        }
      }
      return result;
    },
    { step: 'deserialize', name: 'deployctl-foreign-answers', priority: 'low' },
  );
  return () => endpoint;
}

function originOf({ protocol, hostname, port }: Request): string {
  return `${protocol}//${hostname}${port === undefined ? '' : `:${String(port)}`}`;
}

function isRequest(value: unknown): value is Request {
  return typeof value === 'object' && value !== null && 'hostname' in value && 'protocol' in value;
}

function isAnswer(value: unknown): value is Answer {
  return typeof value === 'object' && value !== null && 'statusCode' in value && 'headers' in value;
}

async function bytesOf(body: unknown): Promise<Uint8Array> {
  if (body === undefined || body === null) return new Uint8Array();
  if (body instanceof Uint8Array) return body;
  if (typeof body === 'string') return Buffer.from(body);
  const parts: Buffer[] = [];
  for await (const part of body as AsyncIterable<Uint8Array>) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}
