import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request } from 'undici';

/** At which moment of an external call its caller dies: before the call is sent on, after it took effect and before its answer, or after the answer. */
export const phases = ['before', 'lost', 'after'] as const;
export type Phase = (typeof phases)[number];

/** The `nth` call (from 1) of an API operation that a process makes. */
export interface KillPoint {
  readonly operation: string;
  readonly nth: number;
  readonly phase: Phase;
}

/** What stands between one process and the sandbox: counts its AWS calls, and kills it at one of them. */
export interface Gate {
  readonly endpoint: string;
  /** Calls so far, by API operation. */
  readonly counts: ReadonlyMap<string, number>;
  /** Whether the kill point was reached. */
  readonly struck: boolean;
  close(): Promise<void>;
}

/** Headers that belong to one connection. Not the host, which the caller has signed as it found it: the gate has no key and changes nothing. */
const hop = new Set(['connection', 'content-length', 'transfer-encoding', 'keep-alive', 'expect']);

/**
 * Opens a gate in front of an AWS endpoint.
 * @param kill ends the caller with SIGKILL, and returns at once
 */
export async function openGate(endpoint: string, point: KillPoint | undefined, kill: () => void): Promise<Gate> {
  const counts = new Map<string, number>();
  let struck = false;
  const strike = (): void => {
    struck = true;
    kill();
  };

  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const body = await bytesOf(incoming);
    const operation = operationOf(incoming, body);
    const count = (counts.get(operation) ?? 0) + 1;
    counts.set(operation, count);
    const phase = !struck && point?.operation === operation && point.nth === count ? point.phase : undefined;
    if (phase === 'before') {
      strike();
      incoming.socket.destroy();
      return;
    }
    const answer = await request(`${endpoint}${incoming.url ?? '/'}`, {
      method: incoming.method === 'GET' ? 'GET' : 'POST',
      headers: forwardable(incoming.headers),
      body,
    });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    if (phase === 'lost') {
      strike();
      incoming.socket.destroy();
      return;
    }
    outgoing.writeHead(answer.statusCode, { ...forwardable(answer.headers), 'content-length': bytes.length });
    outgoing.end(bytes, () => {
      if (phase === 'after') strike();
    });
  };

  const server = createServer((incoming, outgoing) => {
    // A caller that is dead reads no answer, and the SDK of one that lives reports a cut connection.
    outgoing.on('error', () => undefined);
    handle(incoming, outgoing).catch((error: unknown) => {
      incoming.socket.destroy(error instanceof Error ? error : undefined);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the gate has no TCP address');
  return {
    endpoint: `http://127.0.0.1:${String(address.port)}`,
    counts,
    get struck() {
      return struck;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

/** `SendCommand`: of SSM's header, or of the form that EC2 and ELBv2 take. */
function operationOf(incoming: IncomingMessage, body: Buffer): string {
  const target = incoming.headers['x-amz-target'];
  if (typeof target === 'string') return target.split('.').at(-1) ?? target;
  return new URLSearchParams(body.toString('utf8')).get('Action') ?? 'unknown';
}

function forwardable(headers: IncomingMessage['headers']): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || hop.has(name.toLowerCase()) ? [] : [[name, value] as const],
    ),
  );
}

async function bytesOf(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
