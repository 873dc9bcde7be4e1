import type { ClientRequest, IncomingMessage } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { Exchange } from './exchange.js';
import { requestHeaders, responseHeaders } from './headers.js';
import type { BalancerNode } from './node.js';
import type { ProxyContext } from './proxy.js';
import { connectMs, dispatch, limitConnect, messageOf, noTarget } from './proxy.js';

/**
 * A request with `Upgrade`, as of a WebSocket: once the target agrees, both connections are joined and stay with that
 * target until one side ends or the target's deregistration delay does. Source: ALB guide, listeners (WebSockets).
 */
export function serveUpgrade(
  context: ProxyContext,
  node: BalancerNode,
  request: IncomingMessage,
  client: Duplex,
  head: Buffer,
): void {
  const rule = node.match(request);
  const exchange = new Exchange(request, rule, context.log, context.hosts);
  client.on('error', () => client.destroy());
  const refuse = (status: number, why: string): void => {
    exchange.error ??= why;
    exchange.finish(status);
    client.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nServer: awselb/2.0\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    );
  };
  if (rule?.action?.type !== 'forward') {
    refuse(503, 'the rule does not forward');
    return;
  }
  const { group, target, cookies } = node.choose(rule, rule.action.forward, request);
  exchange.dispatch(group, target);
  if (target === undefined) {
    refuse(503, noTarget(rule, group !== undefined));
    return;
  }
  const headers = requestHeaders(request, context.port());
  headers.push('Connection', 'Upgrade', 'Upgrade', request.headers.upgrade ?? '');
  const line = node.line(target);
  let outgoing: ClientRequest;
  try {
    outgoing = dispatch(line, request, target, headers);
  } catch (error) {
    refuse(400, messageOf(error));
    return;
  }
  limitConnect(outgoing, connectMs(context.time), () => {
    refuse(504, 'connecting to the target took too long');
    outgoing.destroy();
  });
  outgoing.setTimeout(node.idleMs, () => {
    refuse(504, 'the target was silent for the idle timeout');
    outgoing.destroy();
  });
  outgoing.on('error', (error: NodeJS.ErrnoException) => {
    refuse(502, `the target's connection failed: ${error.code ?? error.message}`);
  });
  client.once('close', () => outgoing.destroy());
  outgoing.on('response', (incoming) => {
    // The target declined: its answer ends the connection.
    exchange.targetStatus = incoming.statusCode ?? null;
    exchange.finish(incoming.statusCode ?? 502);
    client.write(headText(incoming, [...responseHeaders(incoming.rawHeaders, cookies), 'Connection', 'close']));
    incoming.on('error', () => client.destroy());
    incoming.pipe(client);
  });
  outgoing.on('upgrade', (incoming, server, serverHead) => {
    exchange.targetStatus = 101;
    const end = (): void => {
      line.tunnels.delete(end);
      client.destroy();
      server.destroy();
      exchange.finish(101);
    };
    line.tunnels.add(end);
    server.setTimeout(node.idleMs, end);
    server.on('error', end);
    server.once('close', end);
    client.once('close', end);
    const accepted = responseHeaders(incoming.rawHeaders, cookies);
    client.write(headText(incoming, [...accepted, 'Connection', 'Upgrade', 'Upgrade', incoming.headers.upgrade ?? '']));
    client.write(serverHead);
    server.write(head);
    server.pipe(client);
    client.pipe(server);
  });
  outgoing.end();
}

function headText(incoming: IncomingMessage, headers: readonly string[]): string {
  const lines = [`HTTP/1.1 ${incoming.statusCode ?? 502} ${incoming.statusMessage ?? ''}`];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    lines.push(`${headers[index] ?? ''}: ${headers[index + 1] ?? ''}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}
