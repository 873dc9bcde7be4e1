/** `ss` of an instance without a network of its own: the machine's, without what listens at the addresses of other instances. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { messageOf } from '../errors.js';
import type { Call } from './client.js';

const run = promisify(execFile);

/** Addresses on which a socket is in everybody's way. */
const EVERYWHERE = new Set(['0.0.0.0', '*', '[::]']);

/** @param program path of the machine's own `ss` */
export async function runSs(call: Call, program: string, address: string): Promise<number> {
  let stdout: string;
  try {
    ({ stdout } = await run(program, [...call.args], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }));
  } catch (error) {
    call.err(`${messageOf(error)}\n`);
    return 255;
  }
  const lines = stdout.split('\n').filter((line) => isHere(line, address));
  call.out(lines.join('\n'));
  return 0;
}

/** Columns of `ss -l`: State, Recv-Q, Send-Q, Local Address:Port. A line without an address is a header, or empty. */
function isHere(line: string, address: string): boolean {
  const local = line.split(/\s+/)[3] ?? '';
  const at = local.lastIndexOf(':');
  if (!/^\d+$/.test(local.slice(at + 1))) return true;
  const host = local.slice(0, at).replace(/%.*$/, '');
  return host === address || EVERYWHERE.has(host);
}
