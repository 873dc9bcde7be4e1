import type { Problem } from '../problems.js';
import type { Config } from '../schema/index.js';
import { nearest } from '../suggest.js';

/** Services become flags (`--backend IMAGE`): these are taken. */
const RESERVED = [
  'abort',
  'backoff',
  'bake',
  'config',
  'dry-run',
  'detailed-exitcode',
  'env',
  'environment',
  'force',
  'from-terraform',
  'help',
  'image',
  'json',
  'lock-wait',
  'log-level',
  'max-parallel',
  'minimum-healthy',
  'output',
  'quiet',
  'release',
  'service',
  'skip-validation',
  'steps',
  'strategy',
  'to',
  'verbose',
  'version',
  'watch',
  'yes',
];

/** Names that clash with words of deployctl's own, that appear twice, or that name nothing. */
export function nameProblems(config: Config): Problem[] {
  const problems: Problem[] = [];
  if (config.app === 'claims') {
    // /deployctl/claims/ holds who manages which target group, beside /deployctl/<app>/.
    problems.push({ path: ['app'], message: '"claims" is a word of deployctl\'s own; choose another name' });
  }
  const services = Object.keys(config.services);
  if (services.length === 0) problems.push({ path: ['services'], message: 'empty; describe at least one service' });
  for (const name of services) {
    if (RESERVED.includes(name) || name.startsWith('no-')) {
      problems.push({
        path: ['services', name],
        message: `a service can't be named ${JSON.stringify(name)}: --${name} is a flag of deployctl; choose another name`,
      });
    }
  }
  if (Object.keys(config.environments).length === 0) {
    problems.push({ path: ['environments'], message: 'empty; describe at least one environment' });
  }
  for (const [name, environment] of Object.entries(config.environments)) {
    const base = ['environments', name] as const;
    const placed = Object.keys(environment.services);
    if (placed.length === 0)
      problems.push({ path: [...base, 'services'], message: 'empty; name at least one service' });
    for (const service of placed) {
      if (services.includes(service)) continue;
      problems.push({ path: [...base, 'services', service], message: notAService(service, services) });
    }
    const lists = [
      { at: [...base, 'gates', 'probes'], items: environment.gates.probes },
      { at: [...base, 'gates', 'commands'], items: environment.gates.commands },
      { at: [...base, 'validation', 'probes'], items: environment.validation.probes },
    ];
    for (const { at, items } of lists) {
      items.forEach((item, index) => {
        const first = items.findIndex((other) => other.name === item.name);
        if (first < index) {
          problems.push({
            path: [...at, index, 'name'],
            message: `${JSON.stringify(item.name)} is also the name of [${first}]; give each its own`,
          });
        }
        if ('service' in item && item.service !== undefined && !placed.includes(item.service)) {
          problems.push({ path: [...at, index, 'service'], message: notAService(item.service, placed) });
        }
      });
    }
  }
  return problems;
}

function notAService(name: string, services: readonly string[]): string {
  const guess = nearest(name, services);
  const help =
    guess === undefined ? `the services are ${services.join(', ')}` : `did you mean ${JSON.stringify(guess)}?`;
  return `${JSON.stringify(name)} is not a service; ${help}`;
}
