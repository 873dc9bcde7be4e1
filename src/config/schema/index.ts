import { z } from 'zod';
import { app, environment, region } from './environment.js';
import { NAME, NAME_RULE, text } from './scalars.js';
import { service } from './service.js';

/** The whole of deployctl.yml. Keys that are not here are errors. */
export const configSchema = z.strictObject({
  app: app.describe('Name of the application'),
  region: region.describe('AWS Region'),
  services: z.record(text(NAME, NAME_RULE), service).describe('The services, in the order of their rollout'),
  environments: z.record(text(NAME, NAME_RULE), environment).describe('Where they run'),
});
export type Config = z.output<typeof configSchema>;
