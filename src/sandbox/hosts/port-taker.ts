/** A process that is in the way: it listens on a port and does nothing else. */
import type { ChildProcess } from 'node:child_process';
import { FaultRefused } from '../types.js';
import { killGroup, openPipes, startProcess } from './processes.js';

const LISTEN = `require('node:net').createServer((socket) => socket.destroy()).listen(Number(process.argv[1]), process.argv[2], () => console.log('listening'))`;

/**
 * @param where.enter words before the program, so that it runs on the instance
 * @param where.folder for a short-lived pipe
 * @throws FaultRefused when the port is taken already
 */
export async function takePort(
  port: number,
  where: {
    readonly enter: readonly string[];
    readonly host: string;
    readonly folder: string;
    readonly env: Record<string, string>;
  },
): Promise<ChildProcess> {
  const [out] = await openPipes(where.folder, 1);
  if (out === undefined) throw new Error('no pipe for what takes the port');
  const argv = [...where.enter, process.execPath, '-e', LISTEN, String(port), where.host];
  const child = await startProcess(argv, { cwd: '/', env: where.env, stdio: ['ignore', out.fd, out.fd] });
  out.handOver();
  const said = await new Promise<string>((resolve) => {
    let text = '';
    out.stream.setEncoding('utf8').on('data', (more: string) => {
      text += more;
      if (text.startsWith('listening')) resolve(text);
    });
    out.stream.once('close', () => resolve(text));
  });
  out.stream.destroy();
  if (said.startsWith('listening')) return child;
  const why = /EADDRINUSE/.test(said) ? 'it is taken already' : said.trim();
  throw new FaultRefused(`port ${port} cannot be taken: ${why}`);
}

/** Gives the port back; it may have gone with its instance. */
export async function releasePort(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  killGroup(child.pid ?? 0);
  await gone;
}
