import type { Path, Problem } from '../problems.js';
import type { Config } from '../schema/index.js';
import { isBuiltIn } from '../limits.js';
import { nameProblems } from './names.js';
import { rangeProblems } from './ranges.js';
import { runSpecProblems } from './run-specs.js';
import { sharingProblems } from './sharing.js';

/**
 * What is wrong with keys together although each is right by itself.
 * @param line line of a path, to point from one of two places to the other
 */
export function crossProblems(config: Config, env: NodeJS.ProcessEnv, line: (path: Path) => number): Problem[] {
  // A name that means something else is not looked at any closer.
  const builtIn = builtInProblems(config);
  if (builtIn.length > 0) return builtIn;
  return [
    ...regionProblems(config, env),
    ...nameProblems(config),
    ...rangeProblems(config),
    ...runSpecProblems(config),
    ...sharingProblems(config, line),
  ];
}

function builtInProblems({ services, environments }: Config): Problem[] {
  return Object.entries({ services, environments }).flatMap(([key, map]) =>
    Object.keys(map)
      .filter(isBuiltIn)
      .map((name) => ({
        path: [key, name],
        message: `${JSON.stringify(name)} cannot be a name here; choose another one`,
      })),
  );
}

/** The SDK would follow AWS_REGION where a client is made without a Region, and people read it as "where I work now". */
function regionProblems(config: Config, env: NodeJS.ProcessEnv): Problem[] {
  const seen = env.AWS_REGION;
  if (seen === undefined || seen === '' || seen === config.region) return [];
  return [
    {
      path: ['region'],
      message: `${config.region} here, but AWS_REGION is ${seen} in the environment; unset AWS_REGION or change one of the two`,
    },
  ];
}
