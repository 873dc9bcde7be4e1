import type { Arn, Color, InstanceId, TargetGroupArn } from '../../domain/ids.js';
import type { FleetSelector, Layout, RouteName } from '../../domain/settings.js';

/** What is known before the account is looked at: flags, and the outputs of Terraform. */
export interface Seeds {
  readonly region?: string;
  readonly app?: string;
  readonly environment?: string;
  /** Name of the load balancer. */
  readonly loadBalancer?: string;
  /** Listeners or rules; none: all of the load balancer. */
  readonly routes: readonly Arn[];
  /** `main`: named as neither color. None: those that the routes forward to. */
  readonly groups: readonly SeedGroup[];
  readonly instances: readonly InstanceId[];
  readonly tags?: Readonly<Record<string, string>>;
  /** Service → image repository; '' for one whose name says no service. */
  readonly repositories: Readonly<Record<string, string>>;
}

export interface SeedGroup {
  readonly arn: TargetGroupArn;
  readonly service?: string;
  readonly color?: Color | 'main';
}

export const noSeeds: Seeds = { routes: [], groups: [], instances: [], repositories: {} };

/** What deployctl.yml will say. */
export interface Draft {
  readonly app: string;
  readonly region: string;
  readonly environment: string;
  readonly fleet: FleetSelector;
  readonly layout: Layout;
  readonly strategy: 'rolling' | 'blue-green';
  /** In rollout order. */
  readonly services: readonly DraftService[];
  /** What people should look at: guesses, and what was left out. */
  readonly remarks: readonly string[];
}

export interface DraftService {
  readonly name: string;
  readonly repository: string;
  readonly containerPort: number;
  readonly healthPath: string;
  readonly blue: DraftColor;
  readonly green?: DraftColor;
  readonly routes: readonly RouteName[];
}

export interface DraftColor {
  readonly port: number;
  /** Name of the target group. */
  readonly group: string;
}

/** Asked where the account does not say. Answers the proposal, or undefined, when nobody is there to be asked. */
export type Ask = (question: {
  readonly text: string;
  readonly proposal?: string;
  readonly choices?: readonly string[];
}) => Promise<string | undefined>;
