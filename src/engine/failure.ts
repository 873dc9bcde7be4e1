import type { HostRequest } from '../domain/host.js';
import type { Instant } from '../domain/ids.js';
import type { HostFailure } from '../domain/observation.js';
import type { HostReply } from './host-port.js';

/** The service whose containers a request is about. */
export function serviceOf(request: HostRequest): string | undefined {
  switch (request.phase) {
    case 'inspect':
    case 'quiet':
    case 'pull':
      return undefined;
    case 'task':
      return request.service;
    case 'start':
    case 'restore':
    case 'stop':
      return request.slot.service;
  }
}

/** What an instance said of a request that it could not do. */
export function failureOf(request: HostRequest, reply: Extract<HostReply, { ok: false }>, at: Instant): HostFailure {
  const service = serviceOf(request);
  const release = 'release' in request ? request.release : undefined;
  return {
    phase: request.phase,
    code: reply.code,
    message: reply.message,
    at,
    ...(service === undefined ? {} : { service }),
    ...(release === undefined ? {} : { release }),
    ...(reply.lastProbe === undefined ? {} : { lastProbe: reply.lastProbe }),
    ...(reply.exitCode === undefined ? {} : { exitCode: reply.exitCode }),
    ...(reply.oomKilled === undefined ? {} : { oomKilled: reply.oomKilled }),
    ...(reply.logTail === undefined ? {} : { logTail: reply.logTail }),
  };
}
