import { DeployctlError, EXIT, messageOf } from '../domain/errors.js';

/** Parts of this program that may be wanted while a command that changes something runs. scripts/bundle.js fills this in; unbundled there is nothing to load. */
const PARTS: readonly string[] = [];

/**
 * Loads what is otherwise loaded when it is first used: AWS clients and the providers of their credentials, alerts, probes, the runner of hooks. From then on
 * an installation may be replaced or removed while the command runs.
 * @throws DeployctlError `installation.changed` (exit 12): before any change
 */
export async function loadOwnFiles(): Promise<void> {
  try {
    await Promise.all(PARTS.map((name) => import(/* @vite-ignore */ new URL(`../${name}`, import.meta.url).href)));
  } catch (error) {
    throw installationChanged(error);
  }
}

/** What cannot be loaded was there when this version was installed. */
export function installationChanged(error: unknown): DeployctlError {
  return new DeployctlError({
    code: 'installation.changed',
    message: `a file of deployctl cannot be loaded, as while another version is being installed: ${messageOf(error)}. Nothing was changed`,
    exitCode: EXIT.refused,
    next: ['the same command again, when the installation is complete'],
    cause: error,
  });
}
