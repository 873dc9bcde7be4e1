// The operations in use, by name: the build leaves the other 700 of this client out.
export { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
