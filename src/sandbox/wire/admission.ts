/**
 * What may speak to the endpoint at all. It listens on loopback, where every user of the machine and every page in a browser can send a request to
 * it: a page by its address, or by a name of its own that it lets point to 127.0.0.1. So the names that it answers to are fixed, and what comes from
 * a browser is refused, before anything else of the request is looked at.
 */
import type { IncomingMessage } from 'node:http';
import { isSameSecret } from '../access.js';

/** Why a request is refused, as an HTTP status and a sentence. */
export interface Refusal {
  readonly status: number;
  readonly error: string;
}

/** Sent by browsers only, and out of reach of the scripts of a page. (Fetch standard, forbidden request-headers; Fetch Metadata) */
const BROWSER_HEADERS = ['origin', 'sec-fetch-site'] as const;

/**
 * Refuses other host names than loopback's, and requests of browsers.
 * @param port that `Host` must name; absent: any, where the signature covers the header
 */
export function refuseForeign(request: IncomingMessage, port?: number): Refusal | undefined {
  const hosts = request.rawHeaders.filter(
    (_, index, all) => index % 2 === 1 && all[index - 1]?.toLowerCase() === 'host',
  );
  const [host = ''] = hosts;
  const [, named] = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::(\d{1,5}))?$/i.exec(host) ?? [];
  if (hosts.length !== 1 || named === undefined || (port !== undefined && Number(named) !== port)) {
    const wanted = `127.0.0.1:${port ?? 'PORT'}, localhost:${port ?? 'PORT'}`;
    return {
      status: 403,
      error: `the header Host is ${JSON.stringify(hosts.join(', '))}; this endpoint answers to ${wanted}`,
    };
  }
  const sent = BROWSER_HEADERS.find((name) => request.headers[name] !== undefined);
  return sent === undefined
    ? undefined
    : {
        status: 403,
        error: `the request has a header ${sent}, as those of a browser have; browsers are not served here`,
      };
}

/** Refuses a control request without the token of this sandbox, and a POST that a page could send without asking first. */
export function refuseControl(request: IncomingMessage, token: string): Refusal | undefined {
  const [, given] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  if (given === undefined || !isSameSecret(given, token)) {
    return {
      status: 401,
      error:
        "control routes need the header Authorization: Bearer TOKEN, with the token of this sandbox's state folder",
    };
  }
  const type = request.headers['content-type'];
  if (request.method === 'POST' && !/^application\/json *(;|$)/i.test(type ?? '')) {
    return { status: 415, error: `the content type is ${JSON.stringify(type ?? '')}; a POST must be application/json` };
  }
  return undefined;
}
