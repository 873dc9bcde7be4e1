import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createAws } from '../../src/aws/index.js';
import type { Aws } from '../../src/aws/index.js';
import type { Quota, Rate } from '../../src/aws/limiter.js';
import { systemClock } from '../../src/engine/clock.js';
import type { Clock } from '../../src/engine/ports.js';
import { afterEach, beforeEach, vi } from 'vitest';

/** One call as it came over the wire: form fields flat (`Actions.member.1.Type`), JSON as an object. */
export interface Seen {
  readonly operation: string;
  readonly form: Readonly<Record<string, string>>;
  readonly json: Readonly<Record<string, unknown>>;
  readonly headers: IncomingMessage['headers'];
}

export type Answer =
  | { readonly xml: string }
  | { readonly json: unknown }
  | { readonly error: string; readonly message?: string; readonly status?: number }
  | { readonly raw: string; readonly status: number; readonly type?: string }
  /** The connection is cut, or nothing is ever said. */
  | 'cut'
  | 'silence';

type Responder = (seen: Seen, times: number) => Answer;

/** A recording AWS endpoint: answers are canned per operation, calls are kept. */
export interface Wire {
  readonly calls: Seen[];
  readonly endpoint: string;
  /** How to answer an operation; `times` counts its calls from 1. */
  on(operation: string, answer: Answer | Responder): void;
  of(operation: string): readonly Seen[];
  close(): Promise<void>;
}

export async function startWire(): Promise<Wire> {
  const calls: Seen[] = [];
  const responders = new Map<string, Responder>();
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) {
        chunks.push(chunk as Buffer);
      }
      const seen = parse(request, Buffer.concat(chunks).toString('utf8'));
      calls.push(seen);
      const times = calls.filter((one) => one.operation === seen.operation).length;
      const answer = responders.get(seen.operation)?.(seen, times) ?? {
        raw: `no answer for ${seen.operation}`,
        status: 501,
      };
      if (answer === 'silence') {
        return;
      }
      if (answer === 'cut') {
        request.socket.destroy();
        return;
      }
      const { status, type, body } = render(seen, answer);
      response.writeHead(status, { 'content-type': type, 'x-amzn-requestid': `request-${calls.length}` });
      response.end(body);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    calls,
    endpoint: `http://127.0.0.1:${port}`,
    on(operation, answer) {
      responders.set(operation, typeof answer === 'function' ? answer : () => answer);
    },
    of: (operation) => calls.filter((one) => one.operation === operation),
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function parse(request: IncomingMessage, body: string): Seen {
  const target = request.headers['x-amz-target'];
  if (typeof target === 'string') {
    const json = JSON.parse(body) as Record<string, unknown>;
    return { operation: target.split('.').at(-1) ?? '', form: {}, json, headers: request.headers };
  }
  const form = Object.fromEntries(new URLSearchParams(body));
  return { operation: form['Action'] ?? '', form, json: {}, headers: request.headers };
}

function render(
  seen: Seen,
  answer: Exclude<Answer, string>,
): { readonly status: number; readonly type: string; readonly body: string } {
  const isJson = Object.keys(seen.form).length === 0;
  const isEc2 = seen.form['Version'] === '2016-11-15';
  if ('raw' in answer) {
    return { status: answer.status, type: answer.type ?? 'text/html', body: answer.raw };
  }
  if ('json' in answer) {
    return { status: 200, type: 'application/x-amz-json-1.1', body: JSON.stringify(answer.json) };
  }
  if ('xml' in answer) {
    const result = isEc2 ? answer.xml : `<${seen.operation}Result>${answer.xml}</${seen.operation}Result>`;
    return { status: 200, type: 'text/xml', body: `<${seen.operation}Response>${result}</${seen.operation}Response>` };
  }
  const status = answer.status ?? 400;
  const message = answer.message ?? '';
  if (isJson) {
    const body = { __type: answer.error, ...(message === '' ? {} : { message }) };
    return { status, type: 'application/x-amz-json-1.1', body: JSON.stringify(body) };
  }
  const error = `<Error><Type>Sender</Type><Code>${answer.error}</Code><Message>${message}</Message></Error>`;
  const body = isEc2
    ? `<Response><Errors>${error}</Errors><RequestID>r</RequestID></Response>`
    : `<ErrorResponse>${error}<RequestId>r</RequestId></ErrorResponse>`;
  return { status, type: 'text/xml', body };
}

/** Fields as XML: arrays become `<member>` (ELBv2) lists, undefined is left out. */
export function xml(value: unknown, item = 'member'): string {
  if (Array.isArray(value)) {
    return value.map((one) => `<${item}>${xml(one, item)}</${item}>`).join('');
  }
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .map(([key, field]) => `<${key}>${xml(field, item)}</${key}>`)
      .join('');
  }
  return String(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

export const elb = (value: unknown): Answer => ({ xml: xml(value) });
export const ec2 = (value: unknown): Answer => ({ xml: xml(value, 'item') });

/** From here on a sleep is the limit of a call, which an answer ends long before. */
const shortestLimit = 3_000;

/** Real time, except that pauses do not take any: `slept` has their durations. */
export function quickClock(): Clock & { readonly slept: number[] } {
  const slept: number[] = [];
  return {
    slept,
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sleep: async (duration, signal) => {
      signal?.throwIfAborted();
      if (duration >= shortestLimit) return systemClock.sleep(duration, signal);
      slept.push(duration);
      await Promise.resolve();
    },
  };
}

const plenty: Rate = { burst: 1000, perSecond: 1000 };
export const unlimited: Readonly<Record<Quota, Rate>> = {
  'ec2.read': plenty,
  'elbv2.read': plenty,
  'elbv2.change': plenty,
  'ssm.read': plenty,
  'ssm.change': plenty,
  'parameters.read': plenty,
  'parameters.change': plenty,
  'ecr.read': plenty,
};

export interface Bench {
  readonly wire: Wire;
  readonly aws: Aws;
  readonly clock: ReturnType<typeof quickClock>;
}

/** A wire and the adapters that talk to it, new for each test of the file. */
export function useBench(): () => Bench {
  let bench: Bench | undefined;
  beforeEach(async () => {
    const wire = await startWire();
    vi.stubEnv('AWS_ENDPOINT_URL', wire.endpoint);
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    const clock = quickClock();
    bench = { wire, clock, aws: createAws({ region: 'eu-central-1', clock, rates: unlimited }) };
  });
  afterEach(async () => {
    bench?.aws.close();
    await bench?.wire.close();
    vi.unstubAllEnvs();
  });
  return () => {
    if (bench === undefined) {
      throw new Error('used outside of a test');
    }
    return bench;
  };
}
