import { expect, it } from 'vitest';
import type { Action } from '../../src/domain/decision.js';
import { oneCommandPerHost } from '../../src/strategies/work.js';
import { instanceOf } from '../_helpers/plan.js';

it('a turn has one command a host and no more than the account takes in one; what goes to the load balancer is not counted', () => {
  const inspect = (index: number): Action => ({ is: 'inspect', instance: instanceOf(index).id });
  const many = Array.from({ length: 3000 }, (_, index) => inspect(index + 1));
  const register: Action = { is: 'register', group: 'arn:tg/backend-green', targets: [] };
  const kept = oneCommandPerHost([inspect(1), ...many, register]);
  expect(kept).toEqual([...many.slice(0, 2000), register]);
});
