import { DeployctlError, EXIT } from '../domain/errors.js';

/** `KEY=VALUE` of a flag that may come several times. @throws DeployctlError `usage.value` (exit 64) */
export function pairsOf(flag: string, values: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    values.map((value) => {
      const at = value.indexOf('=');
      if (at > 0 && at < value.length - 1) return [value.slice(0, at), value.slice(at + 1)];
      throw new DeployctlError({
        code: 'usage.value',
        message: `${flag} ${value}: wanted KEY=VALUE, both not empty`,
        exitCode: EXIT.usage,
      });
    }),
  );
}
