import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';

/** Codes whose message another test reads, with words that stand in it. */
const elsewhere: Readonly<Record<string, { readonly test: string; readonly reads: string }>> = {};

/** A folder's TypeScript files, by name. */
async function sources(folder: string): Promise<ReadonlyMap<string, string>> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = found
    .filter((each) => each.isFile() && each.name.endsWith('.ts'))
    .map((each) => join(each.parentPath, each.name));
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(name, 'utf8')] as const)));
}

const quotes = (text: string): readonly string[] =>
  [...text.matchAll(/['`]([^'`\n]+)['`]/g)].map(([, inside]) => inside ?? '');

/**
 * The codes that a file gives its errors: what stands in quotes after `code:` of a DeployctlError, or comes as the first argument of a function that
 * passes it on (`refused('pause.too-long', …)`, `made('bug', …)`).
 */
function codesIn(text: string): readonly string[] {
  const literals = [...text.matchAll(/new DeployctlError\(\{\s*code(?::\s*([^\n]+?))?,\s/g)];
  const own = literals.flatMap(([, value]) => quotes(value ?? ''));
  const shorthand = literals.some(([, value]) => value === undefined);
  const passed = [...text.matchAll(/\b(?:refused|made)\(\s*(['`][^'`\n]+['`]),/g)].flatMap(([, first]) =>
    quotes(first ?? ''),
  );
  const errors = text.includes('class ReportingCommand') || shorthand;
  return [...own, ...(errors ? passed : [])];
}

/** `${is}.nothing` fits `pause.nothing`. */
const fits = (code: string, row: string): boolean =>
  row === code ||
  new RegExp(`^${code.replaceAll('.', '\\.').replace(/\$\{[^}]+\}/g, '(?:[a-z-]+|\\$\\{\\w+\\})')}$`).test(row);

it('every code that an error in src/ has is read as text', async () => {
  const src = await sources('src');
  const all = [...src].filter(([name]) => name !== 'src/domain/errors.ts');
  const codes = new Set(all.flatMap(([, text]) => codesIn(text)));
  const rows = [...(await sources('test/messages'))].filter(([name]) => !name.endsWith('complete.test.ts'));
  const read = new Set(rows.flatMap(([, text]) => quotes(text)));
  const unread = [...codes].filter((code) => ![...read].some((row) => fits(code, row)));
  expect(unread.sort(), 'add what it says to test/messages').toEqual(Object.keys(elsewhere).sort());
  for (const { test, reads } of Object.values(elsewhere)) expect(await readFile(test, 'utf8')).toContain(reads);
});

it('every place that makes an error names its code where it can be found', async () => {
  const sites = [...(await sources('src'))].flatMap(([name, text]) => {
    const made = [...text.matchAll(/new DeployctlError\(/g)].length;
    // One that is told again with more words has the code that it had.
    const again = [...text.matchAll(/new DeployctlError\(\{\s*code: error\.code,/g)].length;
    return made === 0 ? [] : [{ name, made, told: codesIn(text).length + again }];
  });
  expect(sites.filter(({ made, told }) => told < made)).toEqual([]);
  expect(sites.reduce((sum, { made }) => sum + made, 0)).toBeGreaterThan(50);
});
