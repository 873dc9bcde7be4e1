import type { Ms } from '../../src/domain/ids.js';

/** Calls that may go at once after a pause, and how fast that fills up again. */
interface Quota {
  readonly burst: number;
  readonly perSecond: number;
}

/**
 * What an account grants. Documented: ELB Describe* 40 and 10/s ("API throttling", ELB API), EC2 reads 100 and 20/s ("Request throttling", EC2), GetParameter* 40/s
 * (Systems Manager quotas). Not published, hence assumed and on the small side: changes of ELB, Run Command, PutParameter, ECR.
 */
const quotas: Readonly<Record<string, Quota>> = {
  'ec2 reads': { burst: 100, perSecond: 20 },
  'elb reads': { burst: 40, perSecond: 10 },
  'elb changes (assumed)': { burst: 20, perSecond: 5 },
  'run command reads (assumed)': { burst: 30, perSecond: 10 },
  'run command sends (assumed)': { burst: 30, perSecond: 10 },
  'parameter reads': { burst: 40, perSecond: 40 },
  'parameter changes (assumed)': { burst: 15, perSecond: 5 },
  'ecr (assumed)': { burst: 20, perSecond: 10 },
};

function bucketOf(operation: string): string {
  if (operation === 'DescribeInstances') return 'ec2 reads';
  if (operation === 'DescribeImages') return 'ecr (assumed)';
  if (/Parameter/.test(operation)) return /^Get/.test(operation) ? 'parameter reads' : 'parameter changes (assumed)';
  if (operation === 'SendCommand') return 'run command sends (assumed)';
  if (/Command|InstanceInformation/.test(operation)) return 'run command reads (assumed)';
  return /^Describe/.test(operation) ? 'elb reads' : 'elb changes (assumed)';
}

/** Token buckets of one account and Region. */
export class Quotas {
  readonly calls = new Map<string, number>();
  throttled = 0;
  readonly #now: () => Ms;
  readonly #buckets = new Map<string, { tokens: number; at: Ms }>();

  constructor(now: () => Ms) {
    this.#now = now;
  }

  /** @returns whether the call is let through */
  take(operation: string): boolean {
    this.calls.set(operation, (this.calls.get(operation) ?? 0) + 1);
    const name = bucketOf(operation);
    const quota = quotas[name];
    if (quota === undefined) throw new Error(`no quota ${name}`);
    const now = this.#now();
    const bucket = this.#buckets.get(name) ?? { tokens: quota.burst, at: now };
    bucket.tokens = Math.min(quota.burst, bucket.tokens + ((now - bucket.at) / 1000) * quota.perSecond);
    bucket.at = now;
    this.#buckets.set(name, bucket);
    if (bucket.tokens < 1) {
      this.throttled += 1;
      return false;
    }
    bucket.tokens -= 1;
    return true;
  }
}
