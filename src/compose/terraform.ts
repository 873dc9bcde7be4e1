import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { execa } from 'execa';
import { DeployctlError, EXIT, messageOf } from '../domain/errors.js';

/**
 * The outputs of a Terraform folder, or a file that holds them as `terraform output -json` prints them. Reads only: `output` takes no lock and
 * asks no provider (Terraform CLI, command "output").
 * @throws DeployctlError `init.terraform` (exit 64)
 */
export async function readOutputs(path: string, cwd: string, signal: AbortSignal): Promise<unknown> {
  const full = resolve(cwd, path);
  const kind = await stat(full).catch(() => undefined);
  if (kind === undefined) throw failed(`there is no file or folder ${full}`, ['--from-terraform DIR']);
  const text = kind.isDirectory() ? await run(full, signal) : await readFile(full, 'utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const again = kind.isDirectory() ? `terraform -chdir=${full} output -json` : `terraform output -json > ${full}`;
    throw failed(`${full} does not give JSON: ${messageOf(error)}`, [again]);
  }
}

async function run(folder: string, signal: AbortSignal): Promise<string> {
  const {
    stdout,
    stderr,
    exitCode,
    failed: isBroken,
    code,
  } = await execa('terraform', [`-chdir=${folder}`, 'output', '-json', '-no-color'], {
    reject: false,
    stdin: 'ignore',
    timeout: 120_000,
    cancelSignal: signal,
  });
  if (!isBroken) return stdout;
  const byHand = [`terraform -chdir=${folder} output -json > outputs.json`, '--from-terraform outputs.json'];
  if (code === 'ENOENT') throw failed('terraform is not installed here; type this where it is', byHand);
  const said = stderr.trim().split('\n').slice(-3).join(' ');
  throw failed(`terraform output failed in ${folder} (exit code ${String(exitCode)}): ${said}`, [
    `terraform -chdir=${folder} init`,
    ...byHand,
  ]);
}

function failed(message: string, next: readonly string[]): DeployctlError {
  return new DeployctlError({ code: 'init.terraform', message, exitCode: EXIT.usage, next });
}
