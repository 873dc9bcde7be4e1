import { Flags } from '@oclif/core';
import { parseImage } from '../config/images.js';
import { parseAmount, parseSteps } from '../config/units.js';
import { DeployctlError, EXIT } from '../domain/errors.js';
import { words } from '../domain/text.js';
import type { Amount, EnvironmentSettings } from '../domain/settings.js';
import type { ImageRequest } from '../operations/goal.js';
import type { HowOptions } from '../operations/plan.js';
import { durationFlag } from './duration-flag.js';

export const imageFlags = {
  backend: Flags.string({ description: 'image of the service backend: a tag of its repository, or a whole reference' }),
  frontend: Flags.string({ description: 'image of the service frontend' }),
  image: Flags.string({
    description: 'image of any service',
    helpValue: 'SERVICE=IMAGE',
    multiple: true,
    default: [],
  }),
};

export const strategyFlags = {
  strategy: Flags.option({ options: ['rolling', 'blue-green'] as const })({
    description: 'instead of the configured one',
  }),
  'max-parallel': Flags.custom<Amount>({ parse: (text) => Promise.resolve(parseAmount(text)) })({
    description: 'rolling: instances at a time, as a number or a share: 2, 25%',
    helpValue: 'N|P%',
  }),
  steps: Flags.custom<readonly number[]>({ parse: (text) => Promise.resolve(parseSteps(text)) })({
    description: 'blue-green: percentages of the traffic, ending at 100: 10,50,100',
  }),
  bake: durationFlag(0)({
    description: 'how long each step is watched: 2m',
  }),
  'skip-validation': Flags.boolean({ description: 'the fast mode: no bakes, no gates; health is still asked' }),
};

interface GivenImages {
  readonly backend?: string | undefined;
  readonly frontend?: string | undefined;
  readonly image: readonly string[];
}

interface Given {
  readonly strategy?: 'rolling' | 'blue-green' | undefined;
  readonly 'max-parallel'?: Amount | undefined;
  readonly steps?: readonly number[] | undefined;
  readonly bake?: number | undefined;
  readonly 'skip-validation': boolean;
}

export function optionsOf(flags: Given): HowOptions {
  return {
    ...(flags.strategy === undefined ? {} : { strategy: flags.strategy }),
    ...(flags['max-parallel'] === undefined ? {} : { maxParallel: flags['max-parallel'] }),
    ...(flags.steps === undefined ? {} : { steps: flags.steps }),
    ...(flags.bake === undefined ? {} : { bake: flags.bake }),
    skipValidation: flags['skip-validation'],
  };
}

/** The images that were asked for, by service. @throws DeployctlError `usage.service`, `usage.value` (exit 64) */
export function imagesOf(flags: GivenImages, settings: EnvironmentSettings): ReadonlyMap<string, ImageRequest> {
  const asked: [string, string][] = [];
  if (flags.backend !== undefined) asked.push(['backend', flags.backend]);
  if (flags.frontend !== undefined) asked.push(['frontend', flags.frontend]);
  for (const pair of flags.image) {
    const at = pair.indexOf('=');
    if (at <= 0) {
      const like = `${settings.services[0]?.name ?? 'SERVICE'}=${shortened(pair.slice(at + 1))}`;
      throw usage(`--image ${shortened(pair)} names no service; write it like --image ${like}`, []);
    }
    asked.push([pair.slice(0, at), pair.slice(at + 1)]);
  }
  const images = new Map<string, ImageRequest>();
  for (const [name, text] of asked) {
    const service = settings.services.find((each) => each.name === name);
    if (service === undefined) {
      const known = settings.services.map((each) => each.name).join(', ');
      throw usage(`environment ${settings.environment} has no service ${shortened(name)}; it has ${known}`, []);
    }
    if (images.has(name)) throw usage(`service ${name} is given two images; name it once`, []);
    images.set(name, parseImage(text, service.repository));
  }
  return images;
}

const shortened = (text: string): string => words(text, 60);

function usage(message: string, next: readonly string[]): DeployctlError {
  return new DeployctlError({ code: 'usage.service', message, exitCode: EXIT.usage, next });
}
