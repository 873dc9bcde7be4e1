import type { IncomingMessage } from 'node:http';
import { BlockList } from 'node:net';
import type { Condition } from '../services/elbv2/conditions.js';

/** A condition made ready to be asked once a request. */
export type Predicate = (request: IncomingMessage) => boolean;

/** A pattern of a rule: `*` any characters, `?` one. Source: ALB guide, rule condition types. */
function pattern(source: string, flags: string): RegExp {
  const escaped = source
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${escaped}$`, `${flags}s`);
}

/** Paths are compared with letter case, hosts and header values without. The path is compared without its query. */
export function compileCondition(condition: Condition): Predicate {
  switch (condition.field) {
    case 'path-pattern': {
      const patterns = condition.values.map((value) => pattern(value, ''));
      return (request) => {
        const path = pathOf(request);
        return patterns.some((one) => one.test(path));
      };
    }
    case 'host-header': {
      const patterns = condition.values.map((value) => pattern(value, 'i'));
      return (request) => {
        const host = (request.headers.host ?? '').replace(/:\d+$/, '');
        return patterns.some((one) => one.test(host));
      };
    }
    case 'http-request-method':
      return (request) => condition.values.includes(request.method ?? '');
    case 'http-header': {
      const name = condition.name.toLowerCase();
      const patterns = condition.values.map((value) => pattern(value, 'i'));
      return (request) => {
        const value = request.headers[name];
        const texts = value === undefined ? [] : Array.isArray(value) ? value : [value];
        return texts.some((text) => patterns.some((one) => one.test(text)));
      };
    }
    case 'query-string': {
      const pairs = condition.values.map((value) => ({
        key: value.Key === undefined ? undefined : pattern(value.Key, 'i'),
        value: pattern(value.Value, 'i'),
      }));
      return (request) => {
        const query = new URLSearchParams((request.url ?? '').split('?').slice(1).join('?'));
        return [...query].some(([key, text]) =>
          pairs.some((pair) => (pair.key === undefined || pair.key.test(key)) && pair.value.test(text)),
        );
      };
    }
    case 'source-ip': {
      const blocks = new BlockList();
      for (const cidr of condition.values) {
        const [address = '', bits = ''] = cidr.split('/');
        blocks.addSubnet(address, Number(bits), address.includes(':') ? 'ipv6' : 'ipv4');
      }
      return (request) => {
        const address = request.socket.remoteAddress ?? '';
        return blocks.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
      };
    }
  }
}

export function pathOf(request: IncomingMessage): string {
  const url = request.url ?? '/';
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}
