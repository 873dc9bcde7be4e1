/** Options of `docker run` that deployctl sets itself, and where the wish behind each belongs. */
const OWNED: readonly (readonly [options: readonly string[], instead: string])[] = [
  [['--name'], 'containers are named after `container.name`'],
  [
    ['-d', '--detach', '-i', '--interactive', '-t', '--tty', '--rm', '--cidfile', '--pull', '-q', '--quiet'],
    'deployctl decides how containers are started and kept; leave it out',
  ],
  [['-p', '--publish', '-P', '--publish-all', '--expose'], 'write `container.port` and the `port` of each color'],
  [['-l', '--label', '--label-file'], 'labels are how deployctl knows its containers; leave it out'],
  [['--restart'], 'deployctl sets the restart policy, off for what is kept as the way back; leave it out'],
  [['-e', '--env'], 'write `env`, or `secrets` for what nobody may read'],
  [['--env-file'], 'write `env-files`'],
  [['--stop-timeout'], 'write `stop-timeout`'],
];

/**
 * Why an element of `run` can't be an argument of `docker run` here; undefined when it can.
 * @param before the element before it: `["--network", "host"]` has a value of its own
 */
export function runOptionProblem(element: string, before: string | undefined): string | undefined {
  if (!element.startsWith('-')) {
    if (before !== undefined && /^-/.test(before) && !before.includes('=')) return undefined;
    return `${JSON.stringify(element)} follows no option and would be taken for the image; join it to its option: "--option=value"`;
  }
  if (element === '-' || element === '--') return `${JSON.stringify(element)} ends the options; leave it out`;
  const option = element.startsWith('--') ? (element.split('=')[0] ?? element) : element.slice(0, 2);
  const found = OWNED.find(([options]) => options.includes(option));
  return found === undefined ? undefined : `${option} is deployctl's own; ${found[1]}`;
}
