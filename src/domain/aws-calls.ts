/** One operation of AWS that deployctl calls. */
interface AwsCall {
  /** As its API calls it: `elbv2:DescribeRules`. */
  readonly operation: string;
  /** `read` changes nothing. */
  readonly use: 'read' | 'change';
  /** What deployctl needs it for, as docs/aws.md says it. */
  readonly what: string;
  /** Another operation that gives the same answer; deployctl asks it when this one fails. */
  readonly instead?: string;
  /** Only `doctor` calls it; no rollout depends on it. */
  readonly onlyDoctor?: true;
}

/** Everything that deployctl calls, whatever the command. Tests hold it to what src/aws/sdk names, and docs/aws.md to it. */
export const awsCalls = [
  { operation: 'ec2:DescribeInstances', use: 'read', what: 'the instances of the fleet' },
  { operation: 'ssm:DescribeInstanceInformation', use: 'read', what: 'which instances SSM reaches' },
  { operation: 'elbv2:DescribeTargetGroups', use: 'read', what: 'the target groups' },
  { operation: 'elbv2:DescribeTargetGroupAttributes', use: 'read', what: 'the settings of the target groups' },
  { operation: 'elbv2:DescribeTargetHealth', use: 'read', what: 'the health of the targets' },
  {
    operation: 'elbv2:DescribeLoadBalancers',
    use: 'read',
    what: 'load balancers by their names',
    instead: 'elbv2:DescribeTargetGroups',
  },
  { operation: 'elbv2:DescribeListeners', use: 'read', what: 'the listeners and their weights' },
  { operation: 'elbv2:DescribeRules', use: 'read', what: 'the rules and their weights' },
  { operation: 'elbv2:DescribeLoadBalancerAttributes', use: 'read', what: 'the idle timeout', onlyDoctor: true },
  { operation: 'elbv2:DescribeTags', use: 'read', what: 'who manages the routes', onlyDoctor: true },
  { operation: 'elbv2:RegisterTargets', use: 'change', what: 'put instances into a target group' },
  { operation: 'elbv2:DeregisterTargets', use: 'change', what: 'take instances out of a target group' },
  { operation: 'elbv2:ModifyListener', use: 'change', what: 'move the traffic of a listener' },
  { operation: 'elbv2:ModifyRule', use: 'change', what: 'move the traffic of a rule' },
  { operation: 'ssm:SendCommand', use: 'change', what: 'run commands on the instances' },
  {
    operation: 'ssm:ListCommandInvocations',
    use: 'read',
    what: 'the answers of many instances at once',
    instead: 'ssm:GetCommandInvocation',
  },
  {
    operation: 'ssm:GetCommandInvocation',
    use: 'read',
    what: 'the answer of one instance',
    instead: 'ssm:ListCommandInvocations',
  },
  {
    operation: 'ssm:GetParameter',
    use: 'read',
    what: 'one record of the state',
    instead: 'ssm:GetParametersByPath',
  },
  { operation: 'ssm:GetParametersByPath', use: 'read', what: 'the lock and the records of the state' },
  { operation: 'ssm:PutParameter', use: 'change', what: 'write the lock and the records of the state' },
  { operation: 'ssm:DeleteParameters', use: 'change', what: 'remove old records of the state' },
  // An instance that pulls the image knows its digest.
  { operation: 'ecr:DescribeImages', use: 'read', what: 'the digests of images in ECR', instead: 'ssm:SendCommand' },
] as const satisfies readonly AwsCall[];

export type AwsOperation = (typeof awsCalls)[number]['operation'];
