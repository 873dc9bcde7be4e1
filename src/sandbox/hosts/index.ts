/** The runtimes that make instances real. */
export { createProcessHosts } from './process/index.js';
