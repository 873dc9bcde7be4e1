/**
 * The way from a `docker` command line on an instance to the engine in this process. The client is a dozen lines of sh, as a
 * node client would take six times as long to start. It tells its pid through one FIFO; the engine reads the arguments, the
 * environment and the folder from /proc, so nothing is ever quoted, and answers through two FIFOs that the client makes.
 */
import { execFile } from 'node:child_process';
import {
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { Socket } from 'node:net';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { splitEntry } from './container-record.js';
import { errnoOf, messageOf } from '../errors.js';
import { procList, shellQuote } from '../processes.js';

const run = promisify(execFile);

/** One run of a stand-in program on an instance. */
export interface Call {
  readonly program: string;
  readonly args: readonly string[];
  /** The client's exported environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** What was piped in; only read for `--password-stdin`, else empty. */
  readonly stdin: string;
  out(text: string | Buffer): void;
  err(text: string | Buffer): void;
  /** Aborts when the client was killed. What it asked for goes on, as with dockerd. */
  readonly gone: AbortSignal;
}

/** Answers with the client's exit code. */
export type CallHandler = (call: Call) => Promise<number>;

/**
 * The client. It never blocks on a dead engine: opening the FIFO for both directions always succeeds, and the line before
 * checks that the engine's own descriptor is this very FIFO. `$$` may be a reused pid, hence the second `mkfifo`.
 */
function clientScript(folder: string): string {
  return `#!/bin/sh
# Stand-in for a program of this instance: asks the engine, which reads this process's arguments and environment from /proc.
d=${shellQuote(folder)}
k=$d/calls/$$
umask 077
down() { echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2; exit 1; }
read -r p n 2>/dev/null <"$d/engine" || down
[ "/proc/$p/fd/$n" -ef "$d/in" ] || down
mkfifo "$k.out" "$k.err" 2>/dev/null || { rm -f "$k".*; mkfifo "$k.out" "$k.err" || down; }
case " $* " in *' --password-stdin '*) cat >"$k.in" ;; esac
cat "$k.err" >&2 &
echo $$ 1<>"$d/in"
cat "$k.out"
wait
read -r r 2>/dev/null <"$k.code" || down
exit "$r"
`;
}

/** Opens the client's FIFO once the client has opened its end; undefined when the client died before. */
async function openReply(path: string, pid: number): Promise<Socket | undefined> {
  for (let pause = 1; ; pause = Math.min(pause * 2, 20)) {
    try {
      const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      return new Socket({ fd, readable: false, writable: true });
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'ENOENT') return undefined;
      if (code !== 'ENXIO') throw error;
    }
    if (!isAlive(pid)) return undefined;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** A zombie has no arguments any more. */
function isAlive(pid: number): boolean {
  return (procList(pid, 'cmdline')?.length ?? 0) > 0;
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return undefined;
    throw error;
  }
}

interface LiveCall {
  readonly controller: AbortController;
  readonly sockets: readonly Socket[];
}

export class ClientServer {
  private socket: Socket | undefined;
  private sweeper: NodeJS.Timeout | undefined;
  private readonly live = new Map<number, LiveCall>();

  /** @param folder where the FIFOs live; short-lived, nothing in it survives a reboot */
  constructor(
    private readonly folder: string,
    private readonly handle: CallHandler,
  ) {}

  /** @param binFolder gets one client per program name */
  async open(binFolder: string, programs: readonly string[]): Promise<void> {
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(join(this.folder, 'calls'), { recursive: true, mode: 0o700 });
    mkdirSync(binFolder, { recursive: true });
    const fifo = join(this.folder, 'in');
    await run('mkfifo', ['-m', '600', fifo]);
    for (const program of programs) writeFileSync(join(binFolder, program), clientScript(this.folder), { mode: 0o755 });
    // Both directions, so that it never ends when the last client has gone (fifo(7)).
    const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    writeFileSync(join(this.folder, 'engine'), `${process.pid} ${fd}\n`);
    const socket = new Socket({ fd, readable: true, writable: false });
    let pending = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      const lines = (pending + text).split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) void this.answer(Number(line));
    });
    this.socket = socket;
    this.sweeper = setInterval(() => {
      this.sweep();
    }, 500).unref();
  }

  /** No more calls are taken; clients that wait get an end of file and say that the engine is gone. */
  close(): void {
    clearInterval(this.sweeper);
    this.socket?.destroy();
    this.socket = undefined;
    for (const { controller, sockets } of this.live.values()) {
      controller.abort();
      for (const socket of sockets) socket.destroy();
    }
    this.live.clear();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Removes what ended or killed clients left, and tells running calls of killed ones. */
  private sweep(): void {
    const calls = join(this.folder, 'calls');
    const pids = new Set(readdirSync(calls).map((name) => Number.parseInt(name, 10)));
    for (const pid of [...pids, ...this.live.keys()]) {
      if (isAlive(pid)) continue;
      this.live.get(pid)?.controller.abort();
      for (const end of ['out', 'err', 'in', 'code']) rmSync(join(calls, `${pid}.${end}`), { force: true });
    }
  }

  private async answer(pid: number): Promise<void> {
    const cmdline = procList(pid, 'cmdline');
    const environ = procList(pid, 'environ');
    // A client that was killed between its line and now has nothing to say any more.
    if (cmdline === undefined || environ === undefined || cmdline.length < 2) return;
    const key = join(this.folder, 'calls', String(pid));
    const cwd = readLink(`/proc/${pid}/cwd`);
    const [out, err] = await Promise.all([openReply(`${key}.out`, pid), openReply(`${key}.err`, pid)]);
    if (out === undefined || err === undefined || cwd === undefined) {
      out?.destroy();
      err?.destroy();
      return;
    }
    const controller = new AbortController();
    this.live.set(pid, { controller, sockets: [out, err] });
    // EPIPE: the reader went away (`docker logs | head`), which is its own affair.
    out.on('error', () => controller.abort());
    err.on('error', () => controller.abort());
    // `2>&1`: one stream keeps the order of what is written, as Docker's own single connection does.
    const target = readLink(`/proc/${pid}/fd/1`);
    const merged = target !== undefined && target === readLink(`/proc/${pid}/fd/2`);
    const send = (socket: Socket, text: string | Buffer): void => {
      if (!socket.destroyed && text.length > 0) socket.write(text);
    };
    const code = await this.handle({
      program: basename(cmdline[1] ?? ''),
      args: cmdline.slice(2),
      env: Object.fromEntries(environ.map((entry) => splitEntry(entry))),
      cwd,
      stdin: existsSync(`${key}.in`) ? readFileSync(`${key}.in`, 'utf8') : '',
      out: (text) => {
        send(out, text);
      },
      err: (text) => {
        send(merged ? out : err, text);
      },
      gone: controller.signal,
    }).catch((error: unknown) => {
      send(err, `Error response from daemon: ${messageOf(error)}\n`);
      return 1;
    });
    this.live.delete(pid);
    if (existsSync(`${key}.out`)) writeFileSync(`${key}.code`, `${code}\n`);
    out.end();
    err.end();
  }
}
