import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { play, typedIn, unexpectedEnds, withOutputs } from './transcript.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** `npm run test:wide -- test/e2e/tutorial -u` writes what is printed today into the document. */
describe('documents that are typed along', { timeout: 300_000 }, () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'deployctl-tutorial-'));
    await mkdir(join(dir, 'home'));
  });
  afterAll(async () => {
    // A tutorial that broke off has a sandbox left.
    for (const folder of await readdir(dir)) {
      const state = join(dir, folder, '.deployctl-sandbox');
      await execa(process.execPath, [join(root, 'bin', 'run.js'), 'sandbox', 'down', '--state-dir', state]);
    }
    await rm(dir, { recursive: true, force: true });
  });

  it('docs/tutorial.md: every command ends as it says and prints what it says', async () => {
    const path = join(root, 'docs', 'tutorial.md');
    const document = await readFile(path, 'utf8');
    // Whoever runs the tests has built, and files next to this one use that build.
    const typed = typedIn(document).filter(({ command }) => command !== 'npm run build');
    expect(typed.length).toBeGreaterThan(10);
    const played = await play(typed, {
      cwd: root,
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: join(dir, 'home'),
        LANG: 'C.UTF-8',
        USER: 'you',
        // The folder that `mktemp -d` makes.
        TMPDIR: dir,
      },
      timeout: 900_000,
    });
    expect(unexpectedEnds(played)).toEqual([]);
    await expect(withOutputs(document, played)).toMatchFileSnapshot(path);
  });
});
