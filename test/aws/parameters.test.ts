import { expect, it } from 'vitest';
import { useBench } from './wire.js';

const bench = useBench();

it('create never overwrites, and says what is there already', async () => {
  const { wire, aws } = bench();
  wire.on('PutParameter', (_, times) =>
    times === 1
      ? { json: { Version: 1, Tier: 'Standard' } }
      : { error: 'ParameterAlreadyExists', message: 'The parameter already exists.' },
  );
  await aws.parameters.create('/deployctl/shop/production/lease/7', 'v');
  expect(wire.calls[0]?.json).toEqual({
    Name: '/deployctl/shop/production/lease/7',
    Value: 'v',
    Type: 'String',
    Overwrite: false,
  });
  await expect(aws.parameters.create('/deployctl/shop/production/lease/7', 'v')).rejects.toMatchObject({
    kind: 'already-exists',
    message: expect.stringContaining('/deployctl/shop/production/lease/7') as string,
  });
});

it('overwrite names no type, so that a removed parameter stays removed', async () => {
  const { wire, aws } = bench();
  wire.on('PutParameter', {
    error: 'ValidationException',
    message: 'A parameter type is required when you create a parameter.',
  });
  await expect(aws.parameters.overwrite('/a', 'v')).rejects.toMatchObject({ kind: 'not-found' });
  expect(wire.calls[0]?.json).toEqual({ Name: '/a', Value: 'v', Overwrite: true });
  wire.on('PutParameter', {
    error: 'ValidationException',
    message: 'Standard tier parameters support a maximum of 4096 characters.',
  });
  await expect(aws.parameters.overwrite('/a', 'v')).rejects.toMatchObject({ kind: 'invalid' });
});

it('get: a value, or undefined when it does not exist; a failing read is neither', async () => {
  const { wire, aws } = bench();
  wire.on('GetParameter', { json: { Parameter: { Name: '/a', Value: 'v' } } });
  expect(await aws.parameters.get('/a')).toBe('v');
  wire.on('GetParameter', { error: 'ParameterNotFound' });
  expect(await aws.parameters.get('/a')).toBeUndefined();
  await expect(aws.parameters.secret('/a')).rejects.toMatchObject({ kind: 'not-found' });
  wire.on('GetParameter', { error: 'AccessDeniedException', message: 'no' });
  await expect(aws.parameters.get('/a')).rejects.toMatchObject({ kind: 'access-denied' });
});

it('secret is read decrypted', async () => {
  bench().wire.on('GetParameter', { json: { Parameter: { Name: '/hook', Value: 'https://…' } } });
  expect(await bench().aws.parameters.secret('/hook')).toBe('https://…');
  expect(bench().wire.calls[0]?.json).toMatchObject({ WithDecryption: true });
});

it('list goes on after an empty page and ends with the token', async () => {
  const { wire, aws } = bench();
  const pages = [
    { Parameters: [{ Name: '/p/1', Value: 'a' }], NextToken: 't1' },
    { Parameters: [], NextToken: 't2' },
    { Parameters: [{ Name: '/p/2', Value: 'b' }], NextToken: '' },
  ];
  wire.on('GetParametersByPath', (_, times) => ({ json: pages[times - 1] }));
  expect(await aws.parameters.list('/p')).toEqual(
    new Map([
      ['/p/1', 'a'],
      ['/p/2', 'b'],
    ]),
  );
  expect(wire.calls.map(({ json }) => json['NextToken'])).toEqual([undefined, 't1', 't2']);
  expect(wire.calls[0]?.json).toMatchObject({ Path: '/p', Recursive: true, MaxResults: 10 });
});

it('list does not turn in circles', async () => {
  bench().wire.on('GetParametersByPath', { json: { Parameters: [], NextToken: 'same' } });
  await expect(bench().aws.parameters.list('/p')).rejects.toMatchObject({ kind: 'server' });
  expect(bench().wire.calls).toHaveLength(2);
});

it('remove takes ten at a time, and missing ones are fine', async () => {
  bench().wire.on('DeleteParameters', { json: { DeletedParameters: [], InvalidParameters: ['/p/0'] } });
  await bench().aws.parameters.remove(Array.from({ length: 11 }, (_, n) => `/p/${n}`));
  expect(bench().wire.calls.map(({ json }) => (json['Names'] as string[]).length)).toEqual([10, 1]);
});
