import { createHash } from 'node:crypto';

/** The ids of the sandbox's one network. They depend on region and account only, so they stay the same. */
export interface Place {
  readonly region: string;
  readonly accountId: string;
  readonly vpcId: string;
  readonly cidr: string;
  readonly zones: readonly {
    readonly name: string;
    readonly id: string;
    readonly subnetId: string;
    readonly cidr: string;
  }[];
}

export function hexId(prefix: string, seed: string, digits = 17): string {
  return prefix + createHash('sha256').update(seed).digest('hex').slice(0, digits);
}

/** A VPC with one subnet in each of two zones. Both subnets name the sandbox's block: addresses ignore the zone. */
export function createPlace(region: string, accountId: string, cidr: string): Place {
  return {
    region,
    accountId,
    vpcId: hexId('vpc-', `${accountId}/${region}`),
    cidr,
    zones: ['a', 'b'].map((letter, index) => ({
      name: `${region}${letter}`,
      id: `${region.replace(/^([a-z]{2})-([a-z])[a-z]*-(\d)$/, '$1$2$3')}-az${index + 1}`,
      subnetId: hexId('subnet-', `${accountId}/${region}${letter}`),
      cidr,
    })),
  };
}
