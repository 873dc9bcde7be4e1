import type { PutParameterCommandInput } from '@aws-sdk/client-ssm';
import {
  AddTagsToResourceCommand,
  DeleteParameterCommand,
  DeleteParametersCommand,
  DescribeParametersCommand,
  GetParameterCommand,
  GetParametersByPathCommand,
  GetParametersCommand,
  LabelParameterVersionCommand,
  ListTagsForResourceCommand,
  paginateGetParameterHistory,
  paginateGetParametersByPath,
  PutParameterCommand,
  RemoveTagsFromResourceCommand,
} from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SsmWorld } from './ssm-world.js';
import { startSsmWorld } from './ssm-world.js';

let world: SsmWorld;
beforeAll(async () => {
  world = await startSsmWorld();
});
afterAll(async () => {
  await world.close();
});

const put = (input: Partial<PutParameterCommandInput> & { Name: string }) =>
  world.client.send(new PutParameterCommand({ Value: 'v', ...input }));
const create = (Name: string, Value = 'v') => put({ Name, Value, Type: 'String' });

describe('PutParameter', () => {
  it('lets one creator win and counts versions', async () => {
    const results = await Promise.allSettled(Array.from({ length: 5 }, (_, n) => create('/put/one', `creator ${n}`)));
    const lost = results.filter((one) => one.status === 'rejected');
    expect(lost).toHaveLength(4);
    expect(lost[0]?.reason).toMatchObject({
      name: 'ParameterAlreadyExists',
      message:
        'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.',
    });
    expect(await put({ Name: '/put/one', Value: 'new', Overwrite: true })).toMatchObject({
      Version: 2,
      Tier: 'Standard',
    });
    const { Parameter } = await world.client.send(new GetParameterCommand({ Name: '/put/one:2' }));
    expect(Parameter).toMatchObject({
      Name: '/put/one',
      Value: 'new',
      Version: 2,
      Selector: ':2',
      Type: 'String',
      ARN: 'arn:aws:ssm:eu-west-1:123456789012:parameter/put/one',
    });
    expect(Parameter?.LastModifiedDate).toBeInstanceOf(Date);
  });

  it('does not bring a removed parameter back by an update without Type', async () => {
    await create('/put/removed');
    await world.client.send(new DeleteParameterCommand({ Name: '/put/removed' }));
    await expect(put({ Name: '/put/removed', Overwrite: true })).rejects.toMatchObject({
      name: 'ValidationException',
      message: 'A parameter type is required when you create a parameter.',
    });
    await expect(world.client.send(new GetParameterCommand({ Name: '/put/removed' }))).rejects.toMatchObject({
      name: 'ParameterNotFound',
    });
  });

  it.each<[string, Partial<PutParameterCommandInput> & { Name: string }, string, RegExp]>([
    ['4,097 bytes', { Name: '/bad', Value: 'x'.repeat(4097) }, 'ValidationException', /4096 characters/],
    ['4,097 bytes of two-byte letters', { Name: '/bad', Value: `${'é'.repeat(2048)}x` }, 'ValidationException', /4096/],
    ['8,193 bytes', { Name: '/bad', Value: 'x'.repeat(8193), Tier: 'Advanced' }, 'ValidationException', /8192/],
    ['a space', { Name: '/a b' }, 'ValidationException', /Parameter name/],
    ['no leading slash', { Name: 'a/b' }, 'ValidationException', /fully qualified/],
    ['the prefix of AWS', { Name: '/aws/x' }, 'AccessDeniedException', /reserved parameter name/],
    ['16 levels', { Name: '/a'.repeat(16) }, 'HierarchyLevelLimitExceededException', /15 levels/],
    ['a nested reference', { Name: '/bad', Value: '{{ssm:x}}' }, 'ValidationException', /nest/],
    [
      'tags with Overwrite',
      { Name: '/bad', Overwrite: true, Tags: [{ Key: 'a', Value: 'b' }] },
      'ValidationException',
      /tags/,
    ],
  ])('refuses %s', async (_, input, name, message) => {
    await expect(put({ Type: 'String', ...input })).rejects.toMatchObject({
      name,
      message: expect.stringMatching(message) as string,
    });
  });

  it('takes 8 KB in the advanced tier and stays there', async () => {
    expect(await put({ Name: '/big', Value: 'x'.repeat(8192), Type: 'String', Tier: 'Advanced' })).toMatchObject({
      Tier: 'Advanced',
    });
    expect(await put({ Name: '/big', Value: 'x', Overwrite: true })).toMatchObject({ Tier: 'Advanced', Version: 2 });
  });

  it('keeps 100 versions and fails rather than drop a labelled one', async () => {
    await create('/many', '1');
    for (let n = 2; n <= 101; n++) {
      await put({ Name: '/many', Value: String(n), Overwrite: true });
    }
    const versions: (number | undefined)[] = [];
    for await (const page of paginateGetParameterHistory({ client: world.client, pageSize: 50 }, { Name: '/many' })) {
      versions.push(...(page.Parameters ?? []).map((one) => one.Version));
    }
    expect(versions).toEqual(Array.from({ length: 100 }, (_, n) => n + 2));
    const labelled = await world.client.send(
      new LabelParameterVersionCommand({ Name: '/many', ParameterVersion: 2, Labels: ['keep', '1bad', 'aws-x'] }),
    );
    expect(labelled).toMatchObject({ InvalidLabels: ['1bad', 'aws-x'], ParameterVersion: 2 });
    await expect(put({ Name: '/many', Value: 'x', Overwrite: true })).rejects.toMatchObject({
      name: 'ParameterMaxVersionLimitExceeded',
    });
    const { Parameter } = await world.client.send(new GetParameterCommand({ Name: '/many:keep' }));
    expect(Parameter).toMatchObject({ Value: '2', Version: 2 });
    await expect(world.client.send(new GetParameterCommand({ Name: '/many:1' }))).rejects.toMatchObject({
      name: 'ParameterVersionNotFound',
    });
  });
});

describe('reading', () => {
  it('names the missing ones of many', async () => {
    await create('/get/a');
    const found = await world.client.send(new GetParametersCommand({ Names: ['/get/a', '/get/none'] }));
    expect(found.Parameters?.map((one) => one.Name)).toEqual(['/get/a']);
    expect(found.InvalidParameters).toEqual(['/get/none']);
  });

  it('lists a path in pages of at most ten, of which some are empty', async () => {
    const names = Array.from({ length: 12 }, (_, n) => `/list/n${String(n).padStart(2, '0')}`);
    await Promise.all([...names, '/list/deep/er', '/listing'].map((name) => create(name)));
    const pages: number[][] = [];
    for (let round = 0; round < 3; round++) {
      const seen: (string | undefined)[] = [];
      const sizes: number[] = [];
      for await (const page of paginateGetParametersByPath({ client: world.client }, { Path: '/list' })) {
        sizes.push(page.Parameters?.length ?? -1);
        seen.push(...(page.Parameters ?? []).map((one) => one.Name));
      }
      expect(seen).toEqual(names);
      pages.push(sizes);
    }
    expect(pages).toContainEqual([0, 10, 2]);
    expect(pages).toContainEqual([10, 2]);
    const deep: (string | undefined)[] = [];
    for await (const page of paginateGetParametersByPath(
      { client: world.client },
      { Path: '/list/', Recursive: true },
    )) {
      deep.push(...(page.Parameters ?? []).map((one) => one.Name));
    }
    expect(deep.toSorted()).toEqual([...names, '/list/deep/er'].toSorted());
    await expect(
      world.client.send(new GetParametersByPathCommand({ Path: '/list', MaxResults: 11 })),
    ).rejects.toMatchObject({ name: 'ValidationException' });
  });

  it('shows secrets only when asked to decrypt', async () => {
    await put({ Name: '/secret', Value: 'hunter2', Type: 'SecureString' });
    const get = async (WithDecryption: boolean): Promise<string | undefined> => {
      const { Parameter } = await world.client.send(new GetParameterCommand({ Name: '/secret', WithDecryption }));
      return Parameter?.Value;
    };
    expect(await get(true)).toBe('hunter2');
    expect(await get(false)).toMatch(/^AQICAHh[A-Za-z0-9+/]+=*$/);
  });

  it('describes with filters, without values', async () => {
    await put({
      Name: '/described',
      Value: 'v',
      Type: 'String',
      Description: 'a word',
      Tags: [{ Key: 'team', Value: 'shop' }],
    });
    const { Parameters } = await world.client.send(
      new DescribeParametersCommand({ ParameterFilters: [{ Key: 'Name', Option: 'BeginsWith', Values: ['/descr'] }] }),
    );
    expect(Parameters).toMatchObject([{ Name: '/described', Description: 'a word', Version: 1 }]);
    expect(Parameters?.[0]).not.toHaveProperty('Value');
    const tagged = await world.client.send(
      new DescribeParametersCommand({ ParameterFilters: [{ Key: 'tag:team', Values: ['shop'] }] }),
    );
    expect(tagged.Parameters?.map((one) => one.Name)).toEqual(['/described']);
  });
});

describe('the rest', () => {
  it('deletes many and names the missing', async () => {
    await create('/del/a');
    const answer = await world.client.send(new DeleteParametersCommand({ Names: ['/del/a', '/del/b'] }));
    expect(answer).toMatchObject({ DeletedParameters: ['/del/a'], InvalidParameters: ['/del/b'] });
  });

  it('tags a parameter', async () => {
    await create('/tagged');
    const resource = { ResourceType: 'Parameter', ResourceId: '/tagged' } as const;
    await world.client.send(
      new AddTagsToResourceCommand({
        ...resource,
        Tags: [
          { Key: 'a', Value: '1' },
          { Key: 'b', Value: '2' },
        ],
      }),
    );
    await world.client.send(new RemoveTagsFromResourceCommand({ ...resource, TagKeys: ['a'] }));
    const { TagList } = await world.client.send(new ListTagsForResourceCommand(resource));
    expect(TagList).toEqual([{ Key: 'b', Value: '2' }]);
    await expect(
      world.client.send(new ListTagsForResourceCommand({ ResourceType: 'Parameter', ResourceId: '/none' })),
    ).rejects.toMatchObject({ name: 'InvalidResourceId' });
  });
});
