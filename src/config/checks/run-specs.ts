import { placedServices } from '../merge.js';
import type { Path, Problem } from '../problems.js';
import { runOptionProblem } from '../run-options.js';
import type { Config } from '../schema/index.js';
import type { Placement, Service } from '../schema/service.js';

/** What `docker run` would be told twice, or wrongly. */
export function runSpecProblems(config: Config): Problem[] {
  const problems: Problem[] = [];
  for (const [name, service] of Object.entries(config.services)) {
    problems.push(...ownProblems(['services', name], service), ...bothProblems(['services', name], service, service));
  }
  for (const [environment, { services }] of Object.entries(config.environments)) {
    for (const [name, placement] of Object.entries(services)) {
      problems.push(...ownProblems(['environments', environment, 'services', name], placement));
    }
    for (const { name, service, placement } of placedServices(config, environment)) {
      problems.push(...bothProblems(['environments', environment, 'services', name], placement, service));
    }
  }
  return problems;
}

function ownProblems(base: Path, { run = [], checks = [] }: Pick<Service | Placement, 'run' | 'checks'>): Problem[] {
  const options = run.flatMap((element, index) => {
    const message = runOptionProblem(element, run[index - 1]);
    return message === undefined ? [] : [{ path: [...base, 'run', index], message }];
  });
  const counts = checks.flatMap((check, index) => {
    if (check['max-failures'] < check.samples) return [];
    const message = `${check['max-failures']} failures of ${check.samples} samples would pass whatever happens; write a number below samples`;
    return [{ path: [...base, 'checks', index, 'max-failures'], message }];
  });
  return [...options, ...counts];
}

/** A variable that is both plain and secret, reported where this place adds to it. */
function bothProblems(base: Path, own: Pick<Service | Placement, 'env' | 'secrets'>, merged: Service): Problem[] {
  return Object.keys(merged.secrets).flatMap((variable) => {
    if (!Object.hasOwn(merged.env, variable)) return [];
    const key =
      own.secrets !== undefined && Object.hasOwn(own.secrets, variable)
        ? 'secrets'
        : own.env !== undefined && Object.hasOwn(own.env, variable)
          ? 'env'
          : undefined;
    if (key === undefined) return [];
    return [
      { path: [...base, key, variable], message: `${variable} is in both env and secrets; keep it in one of them` },
    ];
  });
}
