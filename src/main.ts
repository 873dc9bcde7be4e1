/** What bin/run.js starts. Commands get their classes from the same place. */
export { execute } from '@oclif/core';
