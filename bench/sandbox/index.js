// The sandbox's load balancer beside nginx as a proxy in front of the same targets, and beside a target without a proxy.
import { execa } from 'execa';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { median, table } from '../numbers.js';
import { withShop } from '../shop.js';

const ROUNDS = 5;
const SECONDS = 5;
const CONNECTIONS = 32;
const PORT = 8081;
const names = {
  direct: 'one target, directly',
  nginx: 'nginx (one worker) before the targets',
  sandbox: "the sandbox's load balancer before the targets",
};

export async function measure({ quick }) {
  const missing = [];
  for (const program of ['wrk', 'nginx'])
    if ((await execa(program, ['-v'], { reject: false })).code === 'ENOENT') missing.push(program);
  if (missing.length > 0) return { missing };
  return withShop({ instances: 2, scale: 20, drain: 30 }, async ({ dir, status }) => {
    const targets = status.instances.map(({ address }) => `${address}:${String(PORT)}`);
    const nginx = await startNginx(join(dir, 'nginx'), targets);
    try {
      const urls = {
        direct: `http://${targets[0]}/api/`,
        nginx: `${nginx.url}/api/`,
        sandbox: `${status.loadBalancer.url}/api/`,
      };
      const found = Object.keys(urls).map((name) => ({ name, rates: [], latencies: [] }));
      for (let round = 0; round < (quick ? 1 : ROUNDS); round += 1) {
        for (const { name, rates, latencies } of found) {
          rates.push((await wrk(urls[name], CONNECTIONS)).rate);
          // With one connection nothing waits for anything else: what is left is the way itself.
          latencies.push((await wrk(urls[name], 1)).p50);
        }
        process.stderr.write(`sandbox: round ${String(round + 1)}\n`);
      }
      return { connections: CONNECTIONS, found };
    } finally {
      await nginx.stop();
    }
  });
}

/** Requests a second, and milliseconds that half of them took at most. A failed request is an error: it would count as a fast one. */
async function wrk(url, connections) {
  const { stdout } = await execa('wrk', ['-t1', `-c${String(connections)}`, `-d${String(SECONDS)}s`, '--latency', url]);
  const [, rate] = /Requests\/sec:\s+([\d.]+)/.exec(stdout) ?? [];
  const [, p50, unit] = /50%\s+([\d.]+)(us|ms|s)/.exec(stdout) ?? [];
  if (rate === undefined || unit === undefined || /Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout);
  return { rate: Number(rate), p50: Number(p50) * { us: 0.001, ms: 1, s: 1000 }[unit] };
}

async function startNginx(dir, targets) {
  await mkdir(dir);
  const port = await freePort();
  const upstream = targets.map((target) => `server ${target};`).join(' ');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${dir}/${kind};`)
    .join(' ');
  // One worker, because the sandbox is one process; and a log, because the sandbox keeps one.
  const text = `
    worker_processes 1; daemon off; pid ${dir}/pid; error_log ${dir}/error.log;
    events { worker_connections 1024; }
    http {
      access_log ${dir}/access.log; keepalive_requests 1000000; ${temporary}
      upstream shop { ${upstream} keepalive 64; keepalive_requests 1000000; }
      server {
        listen 127.0.0.1:${String(port)};
        location / { proxy_pass http://shop; proxy_http_version 1.1; proxy_set_header Connection ""; }
      }
    }`;
  await writeFile(join(dir, 'nginx.conf'), text);
  const child = execa('nginx', ['-e', `${dir}/error.log`, '-c', join(dir, 'nginx.conf')]);
  const url = `http://127.0.0.1:${String(port)}`;
  let ended = false;
  child.catch(() => undefined).finally(() => (ended = true));
  while (!(await serves(`${url}/api/`))) {
    if (ended) await child;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url,
    stop: async () => {
      child.kill('SIGQUIT');
      await child;
    },
  };
}

async function serves(url) {
  try {
    return (await fetch(url)).ok;
  } catch (error) {
    if (error.cause?.code === 'ECONNREFUSED') return false;
    throw error;
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export function tables({ missing, connections, found }) {
  if (missing !== undefined)
    return `Not measured: ${missing.join(' and ')} not found (\`apt-get install nginx-light wrk\`).`;
  const rate = ({ rates }) => median(rates);
  const p50 = ({ latencies }) => median(latencies);
  const direct = found.find(({ name }) => name === 'direct');
  const nginx = found.find(({ name }) => name === 'nginx');
  const rows = found.map((one) => [
    names[one.name],
    rate(one).toFixed(0),
    (rate(one) / rate(nginx)).toFixed(2),
    p50(one).toFixed(2),
    one === direct ? '' : (p50(one) - p50(direct)).toFixed(2),
    one === direct ? '' : ((p50(one) - p50(direct)) / (p50(nginx) - p50(direct))).toFixed(1),
  ]);
  const head = ['way', 'requests a second', "of nginx's", 'p50, ms', 'added, ms', "of nginx's"];
  return `${table(head, rows)}\n\nwrk with ${String(connections)} connections for the rate, with one for the latency; medians of ${String(direct.rates.length)} runs that took turns. All of it on one machine: client, proxy and targets share its processors.`;
}
