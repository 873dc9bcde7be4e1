import { createHash } from 'node:crypto';
import { AwsError } from '../../../types.js';

export type ParameterType = 'String' | 'StringList' | 'SecureString';
export type Tier = 'Standard' | 'Advanced';

/** One version of a parameter. */
export interface Version {
  readonly version: number;
  readonly value: string;
  readonly type: ParameterType;
  readonly tier: Tier;
  readonly description?: string;
  readonly allowedPattern?: string;
  readonly keyId?: string;
  readonly dataType: string;
  readonly modified: Date;
  readonly labels: Set<string>;
}

/** A parameter with its kept versions, oldest first; never empty. */
export interface Parameter {
  readonly name: string;
  readonly versions: Version[];
  readonly tags: Map<string, string>;
}

/** A name as a caller wrote it, with the version or label that it picks. */
export interface Selection {
  readonly parameter: Parameter;
  readonly version: Version;
  /** `:3` or `:label`, or nothing. */
  readonly selector: string;
}

/** The parameters of one sandbox, by name. */
export class ParameterTable {
  readonly #parameters = new Map<string, Parameter>();

  constructor(
    private readonly region: string,
    private readonly accountId: string,
  ) {}

  /** All parameters by name. */
  all(): Parameter[] {
    return [...this.#parameters.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: string): Parameter | undefined {
    return this.#parameters.get(this.plainName(name));
  }

  /** @throws AwsError ParameterNotFound (with an empty message, as AWS sends it) */
  get(name: string): Parameter {
    const parameter = this.find(name);
    if (parameter === undefined) {
      throw new AwsError('ParameterNotFound', '');
    }
    return parameter;
  }

  add(parameter: Parameter): void {
    this.#parameters.set(parameter.name, parameter);
  }

  remove(name: string): boolean {
    return this.#parameters.delete(this.plainName(name));
  }

  /**
   * Reads `name`, `name:version` or `name:label`.
   * @throws AwsError ParameterNotFound, ParameterVersionNotFound
   */
  select(reference: string): Selection {
    const plain = this.plainName(reference);
    const colon = plain.indexOf(':');
    const name = colon < 0 ? plain : plain.slice(0, colon);
    const wanted = colon < 0 ? '' : plain.slice(colon + 1);
    const parameter = this.get(name);
    const version =
      wanted === ''
        ? latest(parameter)
        : parameter.versions.find((one) =>
            /^\d+$/.test(wanted) ? one.version === Number(wanted) : one.labels.has(wanted),
          );
    if (version === undefined) {
      throw new AwsError(
        'ParameterVersionNotFound',
        `Systems Manager could not find version ${wanted} of ${name}. Verify the version and try again.`,
      );
    }
    return { parameter, version, selector: colon < 0 ? '' : `:${wanted}` };
  }

  arn(name: string): string {
    return `${this.#arnPrefix()}${name.startsWith('/') ? '' : '/'}${name}`;
  }

  /** Takes an ARN for a name, as the API does. */
  plainName(name: string): string {
    if (!name.startsWith(`${this.#arnPrefix()}/`)) {
      return name;
    }
    const path = name.slice(this.#arnPrefix().length);
    const bare = path.slice(1);
    return this.#parameters.has(bare.split(':')[0] ?? bare) ? bare : path;
  }

  #arnPrefix(): string {
    return `arn:aws:ssm:${this.region}:${this.accountId}:parameter`;
  }
}

export function latest(parameter: Parameter): Version {
  const last = parameter.versions.at(-1);
  if (last === undefined) {
    throw new Error(`parameter ${parameter.name} has no version: it should have been removed with its last one`);
  }
  return last;
}

/** The value as an answer shows it: a SecureString without decryption looks like a KMS ciphertext. */
export function shownValue(parameter: Parameter, version: Version, decrypt: boolean): string {
  if (version.type !== 'SecureString' || decrypt) {
    return version.value;
  }
  const digest = (part: string): string =>
    createHash('sha512').update(`${part}:${parameter.name}:${version.version}:${version.value}`).digest('base64');
  return `AQICAHh${digest('key').replace(/=+$/, '')}${digest('data')}`;
}

/** The `Parameter` structure of GetParameter, GetParameters and GetParametersByPath. */
export function parameterAnswer(
  table: ParameterTable,
  { parameter, version, selector }: Selection,
  decrypt: boolean,
): Record<string, unknown> {
  return {
    Name: parameter.name,
    Type: version.type,
    Value: shownValue(parameter, version, decrypt),
    Version: version.version,
    ...(selector === '' ? {} : { Selector: selector }),
    LastModifiedDate: version.modified.getTime() / 1000,
    ARN: table.arn(parameter.name),
    DataType: version.dataType,
  };
}
