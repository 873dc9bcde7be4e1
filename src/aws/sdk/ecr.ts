export { DescribeImagesCommand, ECRClient } from '@aws-sdk/client-ecr';
