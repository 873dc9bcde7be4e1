/** The example shop in a new sandbox: its images, and release 1.0.0 started as a person would have. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Hosts, SandboxInstance } from '../types.js';

/** examples/shop/images.json: service → tag → build arguments. */
type Variants = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>>;

/**
 * Puts every image of the shop into the sandbox's registry, as `shop/SERVICE:TAG`.
 * @param shopDir the folder examples/shop: one folder a service with a Dockerfile, and images.json
 */
export async function buildShopImages(hosts: Hosts, shopDir: string): Promise<void> {
  const variants = JSON.parse(readFileSync(join(shopDir, 'images.json'), 'utf8')) as Variants;
  const builds = Object.entries(variants).flatMap(([service, tags]) =>
    Object.entries(tags).map(([tag, args]) => ({
      context: join(shopDir, service),
      reference: `shop/${service}:${tag}`,
      args,
    })),
  );
  if (hosts.provide !== undefined) return hosts.provide(builds);
  for (const { context, reference, args } of builds) await hosts.build(context, reference, args);
}

/**
 * Starts release 1.0.0 on every instance with plain `docker run`: no labels, no records.
 * @param ports host port per service, in the order to start: `{ backend: 8081, frontend: 8091 }`
 * @throws Error with the command's output when one fails
 */
export async function startShopRelease(
  hosts: Hosts,
  instances: readonly Pick<SandboxInstance, 'id'>[],
  ports: Readonly<Record<string, number>>,
): Promise<void> {
  const lines = Object.entries(ports).map(
    ([service, port]) =>
      `docker run -d --name ${service} -p ${port}:3000 --restart unless-stopped shop/${service}:1.0.0`,
  );
  const script = `set -e\n${lines.join('\n')}\n`;
  await Promise.all(
    instances.map(async ({ id }) => {
      const result = await hosts.exec(id, script, { timeoutMs: 60_000 });
      if (result.exitCode === 0) return;
      throw new Error(`release 1.0.0 did not start on ${id} (exit code ${result.exitCode}): ${result.stderr.trim()}`);
    }),
  );
}
