import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line as a person installs it, made of the present sources. */
export interface CompiledCli {
  /** bin/run.js */
  readonly script: string;
  run(args: readonly string[], options?: { readonly env?: Record<string, string> }): Promise<CliResult>;
  remove(): Promise<void>;
}

/** Translates src/ without checking types, into a folder from which the installed packages are found. */
export async function compileCli(): Promise<CompiledCli> {
  const cache = join(root, 'node_modules', '.cache');
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'deployctl-'));
  await Promise.all([
    translate(join(root, 'src'), join(folder, 'dist')),
    cp(join(root, 'package.json'), join(folder, 'package.json')),
    cp(join(root, 'bin'), join(folder, 'bin'), { recursive: true }),
    symlink(join(root, 'examples'), join(folder, 'examples')),
  ]);
  const script = join(folder, 'bin', 'run.js');
  return {
    script,
    run: (args, options) =>
      new Promise((resolve) => {
        const env = { ...process.env, ...options?.env };
        execFile(process.execPath, [script, ...args], { env }, (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
          resolve({ code, stdout, stderr });
        });
      }),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function translate(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) {
      continue;
    }
    const source = join(entry.parentPath, entry.name);
    const target = join(to, source.slice(from.length));
    await mkdir(dirname(target), { recursive: true });
    if (!entry.name.endsWith('.ts')) {
      await cp(source, target);
      continue;
    }
    const { outputText } = ts.transpileModule(await readFile(source, 'utf8'), {
      compilerOptions: {
        target: ts.ScriptTarget.ES2023,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
      },
    });
    await writeFile(target.replace(/\.ts$/, '.js'), outputText);
  }
}
