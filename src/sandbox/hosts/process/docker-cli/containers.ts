/** Commands on containers that exist. Source: Docker docs, "docker container". */
import { spawn } from 'node:child_process';
import type { Container } from '../container.js';
import { splitEntry } from '../container-record.js';
import { DaemonError } from '../../errors.js';
import { exitCodeOf, killGroup } from '../../processes.js';
import { resolveProgram } from '../programs.js';
import { command, forEachName, readFilters, type Context } from './context.js';
import { UsageError } from './flags.js';
import { attach, memoryBytes, nanoCpus, restartPolicy } from './run.js';
import { pruneContainers } from './ps.js';

const MANY = '[OPTIONS] CONTAINER [CONTAINER...]';

function wholeSeconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^-?\d+$/.test(text))
    throw new UsageError(
      `invalid argument "${text}" for "-t, --timeout" flag: strconv.ParseInt: parsing "${text}": invalid syntax`,
      125,
    );
  return Number(text);
}

export const start = command(
  'start',
  MANY,
  { bool: ['attach:a', 'interactive:i'] },
  [1, Infinity],
  async (context, flags) => {
    const [first = ''] = flags.args;
    if (flags.is('attach')) {
      const container = context.engine.get(first);
      return attach(container, context, () => container.start());
    }
    const code = await forEachName(context, flags.args, (name) => context.engine.get(name).start());
    if (code !== 0) context.call.err(`Error: failed to start containers: ${flags.args.join(', ')}\n`);
    return code;
  },
);

const STOP_FLAGS = { value: ['time:t', 'timeout', 'signal:s'] } as const;

export const stop = command('stop', MANY, STOP_FLAGS, [1, Infinity], (context, flags) => {
  const seconds = wholeSeconds(flags.one('timeout') ?? flags.one('time'));
  return forEachName(context, flags.args, (name) => context.engine.get(name).stop(seconds, flags.one('signal')));
});

export const restart = command('restart', MANY, STOP_FLAGS, [1, Infinity], (context, flags) => {
  const seconds = wholeSeconds(flags.one('timeout') ?? flags.one('time'));
  return forEachName(context, flags.args, async (name) => {
    const container = context.engine.get(name);
    await container.stop(seconds, flags.one('signal'));
    await container.start();
  });
});

export const kill = command('kill', MANY, { value: ['signal:s'] }, [1, Infinity], (context, flags) =>
  forEachName(context, flags.args, (name) => context.engine.get(name).kill(flags.one('signal') ?? 'KILL')),
);

export const remove = command(
  'rm',
  MANY,
  { bool: ['force:f', 'volumes:v', 'link:l'] },
  [1, Infinity],
  (context, flags) =>
    forEachName(context, flags.args, async (name) => {
      const container = context.engine.find(name);
      // `rm -f` of what is not there is no error, but says so.
      if (container === undefined && flags.is('force')) throw new DaemonError(`No such container: ${name}`);
      await context.engine.get(name).remove(flags.is('force'));
    }).then((code) => (flags.is('force') ? 0 : code)),
);

export const rename = command('rename', 'CONTAINER NEW_NAME', {}, [2, 2], ({ engine }, flags) => {
  const [name = '', target = ''] = flags.args;
  engine.rename(engine.get(name), target);
  return 0;
});

export const update = command(
  'update',
  MANY,
  { value: ['restart', 'memory:m', 'memory-swap', 'cpus', 'cpu-shares:c', 'pids-limit'] },
  [1, Infinity],
  (context, flags) => {
    if (flags.names().length === 0)
      throw new UsageError('you must provide one or more flags when using this command', 1);
    const policy = flags.one('restart');
    const parsed = policy === undefined ? undefined : restartPolicy(policy);
    const memory = flags.one('memory');
    const cpus = flags.one('cpus');
    return forEachName(context, flags.args, (name) => {
      const container = context.engine.get(name);
      if (parsed !== undefined && container.record.autoRemove && parsed.name !== 'no') {
        throw new DaemonError(
          `Cannot update container ${container.record.id}: Restart policy cannot be updated because AutoRemove is enabled for the container`,
        );
      }
      container.update({
        ...(parsed === undefined ? {} : { restart: parsed }),
        ...(memory === undefined ? {} : { memory: memoryBytes(memory) }),
        ...(cpus === undefined ? {} : { nanoCpus: nanoCpus(cpus) }),
      });
    });
  },
);

export const wait = command('wait', 'CONTAINER [CONTAINER...]', {}, [1, Infinity], async ({ call, engine }, flags) => {
  let code = 0;
  for (const name of flags.args) {
    const container = engine.find(name);
    if (container === undefined) {
      call.err(`Error response from daemon: No such container: ${name}\n`);
      code = 1;
    } else call.out(`${await container.wait()}\n`);
  }
  return code;
});

export const port = command('port', 'CONTAINER [PRIVATE_PORT[/PROTO]]', {}, [1, 2], ({ call, engine }, flags) => {
  const [name = '', inside] = flags.args;
  const container = engine.get(name);
  const ports = container.running ? container.record.ports : [];
  if (inside === undefined) {
    call.out(ports.map((entry) => `${entry.container} -> ${engine.deps.address}:${entry.hostPort}\n`).join(''));
    return 0;
  }
  const wanted = inside.includes('/') ? inside : `${inside}/tcp`;
  const found = ports.filter((entry) => entry.container === wanted);
  if (found.length === 0) {
    call.err(`Error: No public port '${wanted}' published for ${name}\n`);
    return 1;
  }
  call.out(found.map((entry) => `${engine.deps.address}:${entry.hostPort}\n`).join(''));
  return 0;
});

/** Milliseconds since 1970 of a duration ("10m"), a Unix time or a date. */
function momentOf(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  if (/^(\d+(\.\d+)?(h|ms|m|s))+$/.test(text)) {
    const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)];
    return Date.now() - parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? 's'] ?? 0), 0);
  }
  const date = Date.parse(text);
  if (Number.isNaN(date))
    throw new DaemonError(`invalid value for "since": failed to parse value as time or duration: "${text}"`);
  return date;
}

const LOGS_FLAGS = { bool: ['follow:f', 'timestamps:t', 'details'], value: ['tail:n', 'since', 'until'] } as const;

export const logs = command('logs', '[OPTIONS] CONTAINER', LOGS_FLAGS, [1, 1], async ({ call, engine }, flags) => {
  const container = engine.get(flags.args[0] ?? '');
  const tail = flags.one('tail') ?? 'all';
  if (tail !== 'all' && !/^-?\d+$/.test(tail)) throw new DaemonError(`invalid value for "tail": ${tail}`);
  const from = flags.one('since');
  const to = flags.one('until');
  const since = from === undefined ? 0 : momentOf(from);
  const until = to === undefined ? Infinity : momentOf(to);
  const print = (line: { readonly stream: string; readonly log: string; readonly time: string }): void => {
    const text = flags.is('timestamps') ? `${line.time} ${line.log}` : line.log;
    if (line.stream === 'stdout') call.out(text);
    else call.err(text);
  };
  const lines = container.log.read().filter((line) => Date.parse(line.time) >= since && Date.parse(line.time) <= until);
  for (const line of tail === 'all' || Number(tail) < 0
    ? lines
    : lines.slice(lines.length - Math.min(Number(tail), lines.length)))
    print(line);
  if (!flags.is('follow') || container.record.state.status === 'exited') return 0;
  const end = container.log.follow(print);
  await Promise.race([
    container.wait(),
    new Promise<void>((resolve) =>
      call.gone.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      ),
    ),
  ]);
  end();
  return 0;
});

const EXEC_FLAGS = {
  stopsAtArgument: true,
  bool: ['detach:d', 'interactive:i', 'tty:t', 'privileged'],
  value: ['env:e', 'env-file', 'workdir:w', 'user:u'],
} as const;

export const exec = command(
  'exec',
  '[OPTIONS] CONTAINER COMMAND [ARG...]',
  EXEC_FLAGS,
  [2, Infinity],
  (context, flags) => {
    const [name = '', program = '', ...args] = flags.args;
    const container = context.engine.get(name);
    if (!container.running) throw new DaemonError(`container ${container.record.id} is not running`);
    const given = flags.all('env').flatMap((entry): [string, string][] => {
      if (entry.includes('=')) return [splitEntry(entry)];
      const value = context.call.env[entry];
      return value === undefined ? [] : [[entry, value]];
    });
    return execIn(context, container, [program, ...args], Object.fromEntries(given), flags.is('detach'));
  },
);

/** Runs a program with the container's environment and folder, in a process group of its own. */
function execIn(
  { call }: Context,
  container: Container,
  argv: readonly [string, ...string[]],
  given: Record<string, string>,
  detached: boolean,
): Promise<number> {
  const env = { ...container.environment(), ...given };
  const found = resolveProgram(argv[0], { rootfs: container.rootfs, cwd: container.cwd, path: env['PATH'] ?? '' });
  if ('missing' in found) {
    const missing = found.missing === 'not found';
    call.err(
      `OCI runtime exec failed: exec failed: unable to start container process: exec: "${argv[0]}": ${missing ? 'executable file not found in $PATH' : 'permission denied'}: unknown\n`,
    );
    return Promise.resolve(missing ? 127 : 126);
  }
  return new Promise((resolve, reject) => {
    const child = spawn(found.path, argv.slice(1), {
      cwd: container.cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    // A process of the container's namespace dies with the container's first process.
    const died = (): void => {
      if (child.pid !== undefined) killGroup(child.pid);
    };
    const forget = container.onExit(died);
    child.once('error', reject);
    child.stdout.on('data', (data: Buffer) => {
      if (!detached) call.out(data);
    });
    child.stderr.on('data', (data: Buffer) => {
      if (!detached) call.err(data);
    });
    child.once('close', (code, signal) => {
      forget();
      resolve(exitCodeOf(code, signal));
    });
    if (detached) resolve(0);
  });
}

export const prune = command(
  'container prune',
  '[OPTIONS]',
  { bool: ['force:f'], value: ['filter'] },
  [0, 0],
  async (context, flags) => {
    if (!flags.is('force')) throw new DaemonError('container prune asks on a terminal: add -f');
    await pruneContainers(context, readFilters(flags, ['label']).get('label') ?? []);
    return 0;
  },
);
