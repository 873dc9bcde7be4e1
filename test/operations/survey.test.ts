import { expect, it } from 'vitest';
import { PortError } from '../../src/domain/errors.js';
import type { HostPort } from '../../src/engine/host-port.js';
import { look } from '../../src/operations/survey.js';
import { ManualClock } from '../_helpers/manual-clock.js';
import { instanceOf, timing } from '../_helpers/plan.js';

const notUsed = (): Promise<never> => Promise.reject(new Error('not part of this test'));
const fleet = Array.from({ length: 12 }, (_, index) => instanceOf(index + 1));

/** An account that takes `room` commands and refuses the others, once for each element. */
async function lookWith(rooms: readonly number[]) {
  const clock = new ManualClock();
  const left = [...rooms];
  let sent = 0;
  const hosts: HostPort = {
    send: ({ instance }) => {
      const room = left[0] ?? Infinity;
      if (sent < room) return Promise.resolve(`${instance} ${String((sent += 1))}`);
      return Promise.reject(new PortError({ kind: 'throttled', operation: 'ssm:SendCommand', message: 'not sent' }));
    },
    poll: (open) => {
      left.shift();
      sent = 0;
      const reply = { ok: true, replayed: false, containers: [] } as const;
      return Promise.resolve(new Map(open.map(({ id }) => [id, { is: 'replied', reply }])));
    },
    sendResolve: notUsed,
    sendAsk: notUsed,
    sendList: notUsed,
    flaw: () => undefined,
  };
  const box = { hosts, clock, emit: () => undefined, signal: new AbortController().signal, settings: { timing } };
  const looking = look(box, { services: [], groups: [] }, fleet, undefined);
  let over = false;
  void looking.then(() => (over = true));
  // As the clock of a loop that sleeps between two polls: it is moved until the look has ended.
  while (!over) await clock.advance(125);
  return looking;
}

it('instances for which the account had no room are looked at in the next round, however many rounds that takes', async () => {
  const { containers, silent } = await lookWith([3, 3, 3, 2]);
  expect(containers.size).toBe(fleet.length);
  expect(silent.size).toBe(0);
});
