/**
 * A stand-in for `curl` on machines without one (slim images): one HTTP request with the options that health probes use.
 * Exit codes are curl's: 2 options, 3 address, 6 name, 7 connect, 22 HTTP error with -f, 28 timeout, 52 empty, 56 cut.
 */
import { writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { resolve } from 'node:path';
import type { Call } from './client.js';
import { parseFlags, UsageError, type Flags } from './docker-cli/flags.js';
import { errnoOf, messageOf } from '../errors.js';

const FLAGS = {
  bool: [
    'silent:s',
    'show-error:S',
    'fail:f',
    'fail-with-body',
    'location:L',
    'insecure:k',
    'include:i',
    'head:I',
    'globoff:g',
    'verbose:v',
    'ipv4:4',
    'http1.1',
    'no-keepalive',
    'compressed',
  ],
  value: [
    'output:o',
    'write-out:w',
    'max-time:m',
    'connect-timeout',
    'header:H',
    'request:X',
    'data:d',
    'user-agent:A',
    'noproxy',
    'proxy:x',
    'retry',
    'retry-delay',
    'max-filesize',
    'url',
  ],
} as const;

class CurlError extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: Buffer;
  readonly location: string | undefined;
}

const CODES: Readonly<Record<string, readonly [number, string]>> = {
  ECONNREFUSED: [7, "Failed to connect: Couldn't connect to server"],
  EHOSTUNREACH: [7, 'Failed to connect: No route to host'],
  ENOTFOUND: [6, 'Could not resolve host'],
  EAI_AGAIN: [6, 'Could not resolve host'],
  ECONNRESET: [56, 'Recv failure: Connection reset by peer'],
};

function failure(error: unknown, url: URL): CurlError {
  if (error instanceof CurlError) return error;
  if (messageOf(error) === 'socket hang up') return new CurlError(52, 'Empty reply from server');
  const [code, text] = CODES[errnoOf(error) ?? ''] ?? [56, messageOf(error)];
  return new CurlError(code, `${text} (${url.host})`);
}

function ask(url: URL, flags: Flags, signal: AbortSignal): Promise<Answer> {
  const headers = new Map([
    ['User-Agent', flags.one('user-agent') ?? 'curl/8.5.0'],
    ['Accept', '*/*'],
  ]);
  for (const header of flags.all('header')) {
    const sign = header.indexOf(':');
    if (sign > 0) headers.set(header.slice(0, sign), header.slice(sign + 1).trim());
  }
  const data = flags.all('data').join('&');
  const method = flags.one('request') ?? (flags.is('head') ? 'HEAD' : flags.names().includes('data') ? 'POST' : 'GET');
  return new Promise((done, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const options = {
      method,
      headers: Object.fromEntries(headers),
      agent: false,
      signal,
      rejectUnauthorized: !flags.is('insecure'),
    };
    const request = send(url, options, (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const lines: string[] = [];
        for (let at = 0; at < response.rawHeaders.length; at += 2)
          lines.push(`${response.rawHeaders[at] ?? ''}: ${response.rawHeaders[at + 1] ?? ''}\r\n`);
        done({
          status: response.statusCode ?? 0,
          head: `HTTP/${response.httpVersion} ${response.statusCode ?? 0} ${response.statusMessage ?? ''}\r\n${lines.join('')}\r\n`,
          body: Buffer.concat(chunks),
          location: response.headers.location,
        });
      });
    });
    const limit = Number(flags.one('connect-timeout') ?? 0) * 1000;
    request.once('socket', (socket) => {
      if (limit <= 0) return;
      const timer = setTimeout(
        () => request.destroy(new CurlError(28, `Connection timed out after ${limit} milliseconds`)),
        limit,
      );
      socket.once('connect', () => {
        clearTimeout(timer);
      });
      socket.once('close', () => {
        clearTimeout(timer);
      });
    });
    request.once('error', reject);
    request.end(data === '' ? undefined : data);
  });
}

function writeOut(format: string, status: number, started: number): string {
  const seconds = ((performance.now() - started) / 1000).toFixed(6);
  return format
    .replaceAll('%{http_code}', String(status).padStart(3, '0'))
    .replaceAll('%{response_code}', String(status).padStart(3, '0'))
    .replaceAll('%{time_total}', seconds)
    .replaceAll('\\n', '\n')
    .replaceAll('\\t', '\t');
}

function readUrl(text: string): URL {
  try {
    return new URL(/^\w+:\/\//.test(text) ? text : `http://${text}`);
  } catch (error) {
    throw new CurlError(3, `URL rejected: ${messageOf(error)}`);
  }
}

async function follow(flags: Flags, signal: AbortSignal): Promise<Answer> {
  const [first = flags.one('url')] = flags.args;
  if (first === undefined) throw new CurlError(2, 'no URL specified');
  let url = readUrl(first);
  for (let hops = 0; ; hops += 1) {
    const answer = await ask(url, flags, signal).catch((error: unknown) => {
      throw failure(error, url);
    });
    if (!flags.is('location') || answer.location === undefined || answer.status < 300 || answer.status > 399)
      return answer;
    if (hops >= 50) throw new CurlError(47, 'Maximum (50) redirects followed');
    url = new URL(answer.location, url);
  }
}

/** Runs one `curl` command line. @returns curl's exit code */
export async function runCurl(call: Call): Promise<number> {
  const started = performance.now();
  let flags: Flags;
  try {
    flags = parseFlags(call.args, FLAGS, { command: 'curl', synopsis: '[options...] <url>' });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    call.err(`curl: (2) ${error.message.split('\n')[0] ?? ''}; this stand-in knows the options of a health probe\n`);
    return 2;
  }
  const seconds = Number(flags.one('max-time') ?? 0);
  // Held by hand: on Node 20 a timeout signal that only AbortSignal.any knows may be collected before it fires.
  const late = new AbortController();
  const timer = seconds > 0 ? setTimeout(() => late.abort(), seconds * 1000) : undefined;
  const signal = AbortSignal.any([call.gone, late.signal]);
  const format = flags.one('write-out') ?? '';
  const fail = (code: number, text: string, status: number): number => {
    if (format !== '') call.out(writeOut(format, status, started));
    if (!flags.is('silent') || flags.is('show-error')) call.err(`curl: (${code}) ${text}\n`);
    return code;
  };
  try {
    const answer = await follow(flags, signal);
    const bad = answer.status >= 400 && (flags.is('fail') || flags.is('fail-with-body'));
    const body = Buffer.concat([Buffer.from(flags.is('include') || flags.is('head') ? answer.head : ''), answer.body]);
    if (!bad || flags.is('fail-with-body')) {
      const file = flags.one('output');
      if (file === undefined || file === '-') call.out(body);
      else if (file !== '/dev/null') writeFileSync(resolve(call.cwd, file), body);
    }
    if (bad) return fail(22, `The requested URL returned error: ${answer.status}`, answer.status);
    if (format !== '') call.out(writeOut(format, answer.status, started));
    return 0;
  } catch (error) {
    if (signal.aborted)
      return fail(28, `Operation timed out after ${Math.round(performance.now() - started)} milliseconds`, 0);
    if (error instanceof CurlError) return fail(error.code, error.message, 0);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
