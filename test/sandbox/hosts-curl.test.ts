import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCurl } from '../../src/sandbox/hosts/process/curl.js';

const server = createServer((request, response) => {
  if (request.url === '/hang') return;
  if (request.url === '/cut') {
    request.socket.destroy();
    return;
  }
  if (request.url === '/moved') response.writeHead(302, { location: '/ok' });
  else response.statusCode = request.url === '/ok' ? 200 : 503;
  response.end(`${request.method ?? ''} ${String(request.headers['x-a'] ?? '')}\n`);
});
let base: string;
let closed: string;

beforeAll(async () => {
  const listen = (): Promise<string> =>
    new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const bound = server.address();
        resolve(`http://127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`);
      });
    });
  closed = await listen();
  await new Promise((resolve) => server.close(resolve));
  do base = await listen();
  while (base === closed && (await new Promise((resolve) => server.close(resolve))) === undefined);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

test.each([
  [['-s', '/ok'], 0, 'GET \n', ''],
  [['-fsS', '-H', 'X-A: b', '/ok'], 0, 'GET b\n', ''],
  [['-s', '-o', '/dev/null', '-w', '%{http_code}\\n', '/bad'], 0, '503\n', ''],
  [['-fsS', '/bad'], 22, '', 'curl: (22) The requested URL returned error: 503\n'],
  [['-sL', '/moved'], 0, 'GET \n', ''],
  [['-s', '-d', 'x=1', '/ok'], 0, 'POST \n', ''],
  [['-s', '-m', '0.1', '-w', '%{http_code}', '/hang'], 28, '000', ''],
  [['-s', '/cut'], 52, '', ''],
  [['-s', 'CLOSED'], 7, '', ''],
  [['--nosuch', '/ok'], 2, '', /^curl: \(2\) unknown flag: --nosuch/],
])('curl %j', async (args, code, out, err) => {
  const text = { out: '', err: '' };
  const result = await runCurl({
    program: 'curl',
    args: args.map((arg) =>
      arg === 'CLOSED' ? closed : arg.startsWith('/') && arg !== '/dev/null' ? base + arg : arg,
    ),
    env: {},
    cwd: '/tmp',
    stdin: '',
    out: (data) => (text.out += String(data)),
    err: (data) => (text.err += String(data)),
    gone: new AbortController().signal,
  });
  expect({ code: result, out: text.out }).toEqual({ code, out });
  expect(text.err).toMatch(err);
});
