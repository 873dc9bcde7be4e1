// The part that both services of the shop share: listening, health, the knobs of bad releases, and a graceful end.
import { createServer } from 'node:http';

const version = process.env.VERSION ?? 'dev';

// What a release does wrong, baked into its image: good, never-healthy, errors, crashes, slow-start, ignores-sigterm,
// slow-requests, task-fails (that one only concerns task.js).
const behaviour = process.env.BEHAVIOUR ?? 'good';

const startedAt = Date.now();
const SLOW_START_MS = 5000;
const SLOW_REQUEST_MS = 1800;

let requests = 0;
let stopping = false;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function send(response, status, type, body) {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'x-shop-version': version,
    'cache-control': 'no-store',
    // A stopping server ends each connection with its last answer, so that no client sends into a closed one.
    ...(stopping ? { connection: 'close' } : {}),
  });
  response.end(body);
}

function sendJson(response, status, value) {
  send(response, status, 'application/json', `${JSON.stringify(value)}\n`);
}

function isHealthy() {
  if (behaviour === 'never-healthy') return false;
  return behaviour !== 'slow-start' || Date.now() - startedAt >= SLOW_START_MS;
}

/**
 * Starts a service.
 * @param name as it calls itself
 * @param mainPath the route that the balancer and most clients ask for
 * @param routes (url) => {status?, type?, body} for a known path, undefined for an unknown one; body may be an object
 */
export function serve({ name, mainPath, slowPaths, routes }) {
  async function handle(request, response) {
    const url = new URL(request.url ?? '/', 'http://shop');
    if (url.pathname === '/health') {
      const healthy = isHealthy();
      sendJson(response, healthy ? 200 : 503, { status: healthy ? 'ok' : 'starting', version });
      return;
    }
    requests += 1;
    if (behaviour === 'never-healthy') {
      sendJson(response, 503, { error: 'not ready', version });
      return;
    }
    // Counted, not rolled: of any ten requests exactly three fail.
    if (behaviour === 'errors' && [2, 5, 8].includes(requests % 10)) {
      sendJson(response, 500, { error: 'something broke', version });
      return;
    }
    const wanted = Number(url.searchParams.get('ms') ?? 0);
    if (wanted > 0) await sleep(Math.min(wanted, 60_000));
    else if (
      behaviour === 'slow-requests' &&
      (slowPaths.includes(url.pathname) || (url.pathname === mainPath && requests % 5 === 0))
    ) {
      await sleep(SLOW_REQUEST_MS);
    }
    const answer = routes(url);
    if (answer === undefined)
      sendJson(response, 404, { error: `no such page: ${url.pathname}`, service: name, version });
    else if (typeof answer.body === 'string')
      send(response, answer.status ?? 200, answer.type ?? 'text/plain', answer.body);
    else sendJson(response, answer.status ?? 200, { service: name, version, ...answer.body });
  }

  const server = createServer((request, response) => {
    request.resume();
    handle(request, response).catch((error) => {
      console.error(error);
      response.destroy();
    });
  });

  // Longer than the idle timeout of the load balancer in front (60 s by default): the balancer must be the one that closes
  // an idle connection, else it may send a request into one that is just being closed here.
  server.keepAliveTimeout = 75_000;
  server.headersTimeout = 80_000;

  const host = process.env.HOST ?? '0.0.0.0';
  const port = Number(process.env.PORT ?? 3000);
  server.listen(port, host, () => console.log(`${name} ${version} listens on ${host}:${server.address().port}`));

  function stop() {
    if (stopping) return;
    stopping = true;
    console.log(`${name} ${version} stops: no new connections, requests in flight are finished`);
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  }

  process.on('SIGTERM', () => {
    if (behaviour === 'ignores-sigterm') console.log(`${name} ${version} ignores SIGTERM`);
    else stop();
  });
  process.on('SIGINT', stop);

  if (behaviour === 'crashes') {
    setTimeout(
      () => {
        console.error(`${name} ${version} crashes`);
        process.exit(1);
      },
      Number(process.env.CRASH_AFTER_MS ?? 6000),
    );
  }
}
