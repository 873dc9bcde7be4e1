import { expect, it } from 'vitest';
import { createCallWaits } from '../../src/aws/waits.js';
import type { CallWait } from '../../src/aws/waits.js';
import { ManualClock } from '../_helpers/manual-clock.js';

function setUp() {
  const clock = new ManualClock();
  const told: (CallWait & { readonly at: number })[] = [];
  const waits = createCallWaits(clock, (wait) => told.push({ ...wait, at: clock.monotonic() }));
  return { clock, told, waits };
}

it('a call without an answer is told of after 5 s, and again when it has taken twice as long', async () => {
  const { clock, told, waits } = setUp();
  const call = waits.begin('ssm:GetParameter');
  await clock.advance(4999);
  expect(told).toEqual([]);
  await clock.advance(25_000);
  expect(told.map(({ operation, seconds, isOpen }) => [operation, seconds, isOpen])).toEqual([
    ['ssm:GetParameter', 5, true],
    ['ssm:GetParameter', 10, true],
    ['ssm:GetParameter', 20, true],
  ]);
  call.ends('answered');
  await clock.advance(60_000);
  expect(told).toHaveLength(3);
  expect(clock.sleeping).toBe(0);
});

it('calls that fail one after the other are one wait, told of between two of them too, with what the last one came to', async () => {
  const { clock, told, waits } = setUp();
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const call = waits.begin('ssm:GetParameter');
    await clock.advance(200);
    call.failed('InternalServerError');
    call.ends('failed');
    await clock.advance(2200);
  }
  expect(told).toMatchObject([
    { seconds: 5, isOpen: true },
    { seconds: 10, isOpen: false, last: 'InternalServerError' },
  ]);
});

it('one answer ends the wait of its operation, and not of another call that is still open', async () => {
  const { clock, told, waits } = setUp();
  const silent = waits.begin('elbv2:DescribeTargetHealth');
  const other = waits.begin('ec2:DescribeInstances');
  await clock.advance(3000);
  waits.begin('elbv2:DescribeTargetHealth').ends('answered');
  other.ends('answered');
  await clock.advance(2500);
  expect(told).toMatchObject([{ operation: 'elbv2:DescribeTargetHealth', seconds: 5 }]);
  silent.ends('given-up');
  await clock.advance(60_000);
  expect(told).toHaveLength(1);
});

it('a failure that nobody repeats is forgotten, and keeps nobody waiting', async () => {
  const { clock, told, waits } = setUp();
  const call = waits.begin('ec2:DescribeInstances');
  call.failed('UnauthorizedOperation');
  call.ends('failed');
  await clock.advance(5000);
  expect(clock.sleeping).toBe(0);
  waits.begin('ec2:DescribeInstances');
  await clock.advance(4500);
  expect(told).toEqual([]);
});

it('a call that begins while another one is waited for has its own time', async () => {
  const { clock, told, waits } = setUp();
  waits.begin('ssm:GetParameter');
  await clock.advance(41_000);
  waits.begin('ec2:DescribeInstances');
  await clock.advance(5100);
  expect(told.at(-1)).toMatchObject({ operation: 'ec2:DescribeInstances', seconds: 5 });
});

it('when it is closed nothing is told any more', async () => {
  const { clock, told, waits } = setUp();
  waits.begin('ssm:GetParameter');
  waits.close();
  await clock.advance(60_000);
  expect(told).toEqual([]);
  expect(clock.sleeping).toBe(0);
});
