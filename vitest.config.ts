import { defineConfig } from 'vitest/config';
import { plantMutants } from './test/simulation/mutate.js';

const files = (names: readonly string[]): string[] => names.map((name) => `test/${name}.test.ts`);

/** What `npm test` leaves to `.ci/run`, to stay below ten minutes on two cores: `npm run test:wide`. */
const wide = files(['e2e/action', 'e2e/doctor', 'e2e/iam-policy', 'e2e/tutorial', 'host/foreign', 'host/shells']);

/** What `.ci/run` leaves to the deep run, to stay well below its hour on a machine that starts processes slowly. */
const rare = files([
  'e2e/awkward-apps',
  'e2e/faults',
  'e2e/foreign-parts',
  'e2e/hooks-and-events',
  'e2e/host-faults',
  'e2e/lost-lease',
  'e2e/mixing',
  'e2e/notifications',
  'e2e/on-instances',
  'e2e/quiet-drain',
  'e2e/steering',
  'e2e/terminal',
  'e2e/two-sets',
  'e2e/validate',
  'e2e/verdicts',
  'host/docker',
  'host/docker-kill',
  'host/kill',
  'sandbox/docker-faults',
  'sandbox/docker-lifecycle',
]);

export default defineConfig({
  test: {
    // The end-to-end tests measure live traffic: a crowd of workers on a small machine would be what they measure.
    maxWorkers: 2,
    pool: 'forks',
    // oclif's output capture and vitest's own would fight over stdout.
    disableConsoleIntercept: true,
    // As bin/run.js does.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/kill/**', 'test/simulation/**', '**/node_modules/**', ...wide, ...rare],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        plugins: [plantMutants()],
        test: {
          name: 'simulation',
          include: ['test/simulation/**/*.test.ts'],
          exclude: ['test/simulation/deep/**', '**/node_modules/**'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/*.test.ts'],
          exclude: [...wide, ...rare],
          // After everything else: two fleets at a time, most of whose time is waiting.
          sequence: { groupOrder: 1 },
          testTimeout: 360_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'wide',
          include: wide,
          sequence: { groupOrder: 2 },
          testTimeout: 360_000,
          hookTimeout: 120_000,
        },
      },
      // Kills the built command line a hundred times: `npm run test:kill`.
      ...(process.env['DEPLOYCTL_TEST_KILLS'] === undefined
        ? []
        : [
            {
              extends: true as const,
              test: { name: 'kill', include: ['test/kill/**/*.test.ts'], testTimeout: 7_200_000 },
            },
          ]),
      // Takes half an hour and more: `npm run test:deep`, not a part of `npm test`.
      ...(process.env['DEPLOYCTL_TEST_DEEP'] === undefined
        ? []
        : [
            {
              extends: true as const,
              plugins: [plantMutants()],
              test: {
                name: 'deep-simulation',
                include: ['test/simulation/deep/*.test.ts', 'test/simulation/undisturbed.test.ts'],
                globalSetup: ['test/simulation/deep/table.ts'],
              },
            },
            {
              extends: true as const,
              test: {
                name: 'deep',
                include: ['test/e2e/deep/**/*.test.ts', ...rare],
                // Live traffic is measured: nothing runs beside it.
                sequence: { groupOrder: 3 },
                fileParallelism: false,
                testTimeout: 600_000,
                hookTimeout: 120_000,
              },
            },
          ]),
    ],
  },
});
