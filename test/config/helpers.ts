import { DeployctlError } from '../../src/domain/errors.js';
import { parseSettings } from '../../src/config/load.js';
import type { Settings } from '../../src/domain/settings.js';

/** A small file that is right. Tests edit its lines. */
export const SMALL = `app: shop
region: eu-west-1
services:
  backend:
    image: shop/backend
    container: { port: 3000 }
    health: { path: /health }
environments:
  production:
    fleet: { tags: { App: shop } }
    services:
      backend:
        blue: { port: 8081, target-group: backend-blue }
        routes: [{ load-balancer: shop }]
`;

export const LINES = SMALL.trimEnd().split('\n');

/** SMALL with a line (from 1) replaced by others. */
export function edited(line: number, ...replacement: string[]): string {
  return [...LINES.slice(0, line - 1), ...replacement, ...LINES.slice(line)].join('\n');
}

/** SMALL with lines added after a line (from 1). */
export function added(line: number, ...lines: string[]): string {
  return [...LINES.slice(0, line), ...lines, ...LINES.slice(line)].join('\n');
}

export function parse(text: string, env: NodeJS.ProcessEnv = {}): Settings {
  return parseSettings(text, { path: '/app/deployctl.yml', name: 'deployctl.yml', env });
}

/** The lines of the refusal of a text; none when it is accepted. */
export function problems(text: string, env: NodeJS.ProcessEnv = {}): readonly string[] {
  try {
    parse(text, env);
    return [];
  } catch (error) {
    if (!(error instanceof DeployctlError) || error.code !== 'config.invalid' || error.exitCode !== 64) throw error;
    return error.message.split('\n');
  }
}
