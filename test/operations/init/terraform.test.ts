import { describe, expect, it } from 'vitest';
import { seedsOfTerraform } from '../../../src/operations/init/terraform.js';

const elb = 'arn:aws:elasticloadbalancing:eu-west-1:123456789012';
const group = (name: string): string => `${elb}:targetgroup/${name}/73e2d6bc24d8a067`;
const listener = (id: string): string => `${elb}:listener/app/shop/50dc6c495c0c9188/${id}`;
const outputs = (values: Record<string, unknown>): unknown =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, { sensitive: false, type: 'string', value }]),
  );
const seeds = (values: Record<string, unknown>) => seedsOfTerraform(outputs(values), 'infra');

describe('seedsOfTerraform', () => {
  it('knows the usual names', () => {
    expect(
      seeds({
        alb_https_listener_arn: listener('f2f7dc8efc522ab2'),
        alb_http_listener_arn: listener('0000000000000000'),
        blue_target_group_arn: group('shop-blue'),
        green_target_group_arn: group('shop-green'),
        main_target_group_arn: group('shop-main'),
        instance_ids: ['i-0123456789abcdef0', 'i-0123456789abcdef1'],
        aws_region: 'eu-west-1',
        environment: 'staging',
        app_name: 'shop',
        vpc_id: 'vpc-1234',
      }),
    ).toEqual({
      region: 'eu-west-1',
      app: 'shop',
      environment: 'staging',
      loadBalancer: 'shop',
      // The one of HTTP only redirects.
      routes: [listener('f2f7dc8efc522ab2')],
      groups: [
        { arn: group('shop-blue'), color: 'blue' },
        { arn: group('shop-green'), color: 'green' },
        { arn: group('shop-main'), color: 'main' },
      ],
      instances: ['i-0123456789abcdef0', 'i-0123456789abcdef1'],
      repositories: {},
    });
  });

  it('reads services out of names and out of maps', () => {
    const ecr = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop';
    const found = seeds({
      backend_blue_target_group_arn: group('b-b'),
      target_group_arns: { frontend_blue: group('f-b'), frontend: { green: group('f-g') } },
      ecr_repository_urls: { backend: `${ecr}/backend`, frontend: `${ecr}/frontend` },
      instances: { a: { id: 'i-0123456789abcdef0', name: 'shop-1' } },
    });
    expect(found.groups).toEqual([
      { arn: group('b-b'), color: 'blue', service: 'backend' },
      { arn: group('f-b'), color: 'blue', service: 'frontend' },
      { arn: group('f-g'), color: 'green', service: 'frontend' },
    ]);
    expect(found.repositories).toEqual({ backend: `${ecr}/backend`, frontend: `${ecr}/frontend` });
    expect(found.instances).toEqual(['i-0123456789abcdef0']);
    // No output says it: the ARNs do.
    expect(found.region).toBe('eu-west-1');
  });

  it('does not read sensitive outputs', () => {
    const secret = { sensitive: true, type: 'string', value: group('secret') };
    const open = { sensitive: false, type: 'string', value: group('open') };
    expect(seedsOfTerraform({ target_group_arn: secret, tg_arn: open }, 'infra').groups).toEqual([
      { arn: group('open') },
    ]);
  });

  it.each([
    [[], /infra is not what terraform output -json prints/],
    ['text', /infra is not what terraform output -json prints/],
    [{}, /infra has no output that holds the ARN of a target group/],
    [outputs({ vpc_id: 'vpc-1' }), /infra has no output/],
  ])('refuses %j, and says what is wanted', (value, message) => {
    expect(() => seedsOfTerraform(value, 'infra')).toThrow(
      expect.objectContaining({
        code: 'init.terraform',
        exitCode: 64,
        message: expect.stringMatching(message) as string,
      }) as Error,
    );
  });
});
