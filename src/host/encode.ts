/**
 * Renders one request as the script of one SSM command: the request as a single base64 variable, then the instance script.
 *
 * No value becomes code: the request is decoded into lines of `key word…`; words that people choose freely (values, paths, options) are
 * base64 again and are only ever used in double quotes. Base64 also keeps `{{ssm:name}}` in a value from the agent, which would resolve it
 * before any shell sees a quote (SSM guide, "Using Parameter Store parameters in Run Command").
 */
import type { Fence, HostRequest, Slot } from '../domain/host.js';
import { MOST_GENERATION } from '../domain/host.js';
import { isDigest, type Ms } from '../domain/ids.js';
import type { Check, RunSpec } from '../domain/release.js';
import { lookedUpLines, variableLines } from './environment.js';
import { phaseScript, type ScriptPhase } from './script.js';
import { HostRequestError, integer, matching, misfit, word } from './words.js';

export { HostRequestError } from './words.js';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
const REPOSITORY = /^[A-Za-z0-9][A-Za-z0-9._/:-]*$/;
const CONTAINER = /^[0-9a-f]{12,64}$/;
const METHOD = /^[A-Z]{1,20}$/;
/** A field name of HTTP (RFC 9110, "token"). */
const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

/** Options of `docker run` that belong to the script. */
const OWNED_OPTION =
  /^(--name|--detach|-d|--rm|--restart|--pull|--cidfile|--interactive|-i|--tty|-t|-it|-ti|-dit)(=|$)/;

const name = (field: string, value: string): string =>
  matching(field, value, NAME, 'letters, digits, ".", "_" and "-", starting with a letter or digit');

/** Whole seconds, rounded up, at least 1. */
const seconds = (ms: Ms): string => String(Math.max(1, Math.ceil(ms / 1000)));
/** Seconds with milliseconds, for sleep and curl. */
const fraction = (ms: Ms): string => (Math.max(1, Math.round(ms)) / 1000).toFixed(3);

function urlPath(field: string, value: string): string {
  if (!value.startsWith('/')) throw misfit(field, value, 'a path that starts with "/"');
  // Before the escapes, which half of a surrogate pair has none of.
  word(field, value);
  // curl would expand [] and {}; spaces and non-ASCII are not allowed in a URL.
  const path = value.replace(/[^\x21-\x7e]|["<>\\^`{|}[\]]/gu, (char) => encodeURIComponent(char));
  return word(field, path);
}

/** `-` stands for nothing: a word that is empty would not be one. */
function adoptWords({ adopts }: Slot): readonly [repository: string, names: string] {
  const { repository, containers } = adopts ?? { containers: [] };
  return [
    repository === undefined ? '-' : matching('image', repository, REPOSITORY, 'a repository without tag'),
    containers.map((each) => name('adopt', each)).join(',') || '-',
  ];
}

function slotWords(slot: Slot): string {
  return [
    name('service', slot.service),
    slot.color,
    integer('port', slot.port, 1, 65535),
    name('container name', slot.containerName),
    ...adoptWords(slot),
  ].join(' ');
}

function imageLines(spec: RunSpec): string[] {
  return [
    `repository ${matching('image', spec.image.repository, REPOSITORY, 'a repository without tag')}`,
    `digest ${digest(spec.image.digest)}`,
  ];
}

function digest(value: string): string {
  if (!isDigest(value)) throw misfit('image digest', value, 'sha256: and 64 hex digits');
  return value;
}

const environmentLines = (spec: RunSpec): string[] => [...variableLines(spec.env), ...lookedUpLines(spec)];

function optionLines(spec: RunSpec): string[] {
  return spec.runOptions.map((option) => {
    if (OWNED_OPTION.test(option)) {
      throw misfit('run option', option.split('=')[0], 'an option that deployctl does not set itself');
    }
    return `option ${word('run option', option)}`;
  });
}

const argumentLines = (command: readonly string[]): string[] =>
  command.map((argument) => `argument ${word('command', argument)}`);

function checkLine(check: Check): string {
  const headers = Object.entries(check.headers).map(([key, value]) => {
    const field = `check ${check.path}, header`;
    matching(field, key, HEADER, 'the name of a header');
    if (/[\r\n]/.test(value)) {
      throw new HostRequestError(`${field} ${key}`, 'its value has a line break; write it in one line');
    }
    // curl: `name:` removes a header, `name;` sends it without a value.
    return word(`${field} ${key}`, value.trim() === '' ? `${key};` : `${key}: ${value}`);
  });
  return [
    'check',
    matching(`check ${check.path}, method`, check.method, METHOD, 'an HTTP method in capitals'),
    integer(`check ${check.path}, samples`, check.samples, 1, 10_000),
    integer(`check ${check.path}, maxFailures`, check.maxFailures, 0, 10_000),
    fraction(check.timeout),
    check.status
      .map(([from, to]) => `${integer('status', from, 100, 599)}-${integer('status', to, 100, 599)}`)
      .join(','),
    urlPath('check', check.path),
    check.contains === undefined ? '-' : word('contains', check.contains),
    headers.length === 0 ? '-' : headers.join(' '),
  ].join(' ');
}

function slotLines(slot: Slot): string[] {
  const [service, color, port, container, repository, names] = slotWords(slot).split(' ');
  return [
    `service ${service}`,
    `color ${color}`,
    `port ${port}`,
    `container ${container}`,
    `adopt-repository ${repository}`,
    `adopt-names ${names}`,
    `slot ${slotWords(slot)}`,
  ];
}

const evidenceLines = (request: HostRequest): string[] =>
  'evidence' in request && request.evidence === true ? ['evidence yes'] : [];

function startLines(request: Extract<HostRequest, { phase: 'start' | 'restore' }>): string[] {
  const { spec } = request;
  return [
    ...slotLines(request.slot),
    ...evidenceLines(request),
    `release ${name('release', request.release)}`,
    `keep ${integer('keep', request.keep, 0, 1000)}`,
    `container-port ${integer('container port', spec.containerPort, 1, 65535)}`,
    `stop-timeout ${seconds(spec.stopTimeout)}`,
    ...imageLines(spec),
    ...environmentLines(spec),
    ...optionLines(spec),
    ...argumentLines(spec.command),
    `health-path ${urlPath('health path', spec.health.path)}`,
    `passes ${integer('health passes', spec.health.passes, 1, 1000)}`,
    `interval ${fraction(spec.health.interval)}`,
    `probe-timeout ${fraction(spec.health.timeout)}`,
    `start-timeout ${seconds(spec.health.startTimeout)}`,
    ...spec.checks.map(checkLine),
  ];
}

function phaseLines(request: HostRequest): string[] {
  switch (request.phase) {
    case 'inspect':
      return request.slots.map((slot) => `slot ${slotWords(slot)}`);
    case 'quiet':
      return [
        ...slotLines(request.slot),
        `container ${matching('container', request.container, CONTAINER, 'the id of a container')}`,
        `window ${seconds(request.window)}`,
      ];
    case 'pull':
      return request.images.map(
        ({ service, release, containerName, spec }) =>
          `image ${name('service', service)} ${name('release', release)} ${imageLines(spec)
            .map((line) => line.split(' ')[1])
            .join(' ')} ${rehearsal(containerName, spec)}`,
      );
    case 'task':
      if (request.spec.task === undefined) throw misfit('task', request.service, 'a release with a task');
      return [
        `service ${name('service', request.service)}`,
        `container ${name('container name', request.containerName)}`,
        `release ${name('release', request.release)}`,
        ...imageLines(request.spec),
        ...environmentLines(request.spec),
        ...optionLines(request.spec),
        ...argumentLines(request.spec.task.command),
        `task-timeout ${seconds(request.spec.task.timeout)}`,
      ];
    case 'start':
    case 'restore':
      return startLines(request);
    case 'stop':
      return [
        ...slotLines(request.slot),
        ...evidenceLines(request),
        `stop-timeout ${seconds(request.stopTimeout)}`,
        `keep ${integer('keep', request.keep, 0, 1000)}`,
      ];
  }
}

/**
 * What a container is created with to see whether it can be: all but the values of plain variables, which docker takes whatever they are, and a command
 * for images that have none.
 */
function rehearsal(containerName: string, spec: RunSpec): string {
  const lines = [
    `container ${name('container name', containerName)}`,
    ...lookedUpLines(spec),
    ...optionLines(spec),
    ...argumentLines(['true']),
  ];
  return Buffer.from([...lines, ''].join('\n'), 'utf8').toString('base64');
}

function render(phase: ScriptPhase, lines: readonly string[]): string {
  const request = Buffer.from([`phase ${phase}`, ...lines, ''].join('\n'), 'utf8').toString('base64');
  return `#!/bin/sh\nREQUEST=${request}\n${phaseScript(phase)}\n`;
}

function commonLines(input: { app: string; environment: string; region: string; timeout: Ms }): string[] {
  return [
    `app ${name('app', input.app)}`,
    `environment ${name('environment', input.environment)}`,
    `region ${name('region', input.region)}`,
    // A little less than the time after which the agent kills: an answer in time is worth more than the last second of trying.
    `budget ${Math.max(5, Math.floor(input.timeout / 1000) - 3)}`,
  ];
}

/**
 * The script of one request, one element of `commands` of AWS-RunShellScript.
 * @param input.fence required for every phase but `inspect`, which without one changes nothing and waits for nothing
 * @param input.slots further slots whose containers the answer shall list; those of the request are always in it
 * @param input.timeout execution timeout of the command in ms: the script answers before
 * @throws HostRequestError for a value that the script can't take
 */
export function encodeRequest(input: {
  readonly app: string;
  readonly environment: string;
  readonly fence?: Fence;
  readonly request: HostRequest;
  readonly slots?: readonly Slot[];
  readonly region: string;
  readonly timeout: Ms;
}): string {
  const { fence, request } = input;
  if (fence === undefined && request.phase !== 'inspect') {
    throw misfit('fence', fence, `one for phase ${request.phase}`);
  }
  return render(request.phase, [
    ...commonLines(input),
    ...(fence === undefined
      ? []
      : [`fence ${fence.map((part) => integer('fence', part, 0, MOST_GENERATION)).join(' ')}`]),
    ...phaseLines(request),
    ...(input.slots ?? []).map((slot) => `slot ${slotWords(slot)}`),
  ]);
}

/** The script that lists what runs on an instance, whoever started it. The answer's `running`. */
export function encodeList(input: {
  readonly app: string;
  readonly environment: string;
  readonly region: string;
  readonly timeout: Ms;
}): string {
  return render('list', commonLines(input));
}

/**
 * The script that asks a running container's health path how long it keeps idle connections. The answer's `connection`.
 * @throws HostRequestError
 */
export function encodeAsk(input: {
  readonly app: string;
  readonly environment: string;
  readonly region: string;
  readonly container: string;
  readonly port: number;
  readonly containerPort: number;
  readonly path: string;
  /** Longest answer of the container, ms. */
  readonly timeout: Ms;
}): string {
  return render('ask', [
    ...commonLines({ ...input, timeout: input.timeout + 10_000 }),
    `container ${matching('container', input.container, CONTAINER, 'the id of a container')}`,
    `port ${integer('port', input.port, 1, 65535)}`,
    `container-port ${integer('container port', input.containerPort, 1, 65535)}`,
    `health-path ${urlPath('health path', input.path)}`,
    `probe-timeout ${fraction(input.timeout)}`,
  ]);
}

/**
 * The script that asks an instance which digest a tag has, by pulling it: for registries without an API of their own. The answer's `digest`.
 * @throws HostRequestError
 */
export function encodeResolve(input: {
  readonly app: string;
  readonly environment: string;
  readonly repository: string;
  readonly tag: string;
  readonly region: string;
  readonly timeout?: Ms;
}): string {
  return render('resolve', [
    ...commonLines({ ...input, timeout: input.timeout ?? 300_000 }),
    `repository ${matching('image', input.repository, REPOSITORY, 'a repository without tag')}`,
    `tag ${matching('tag', input.tag, /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/, 'a tag')}`,
  ]);
}
