import { describe, expect, it } from 'vitest';
import type { Container } from '../../src/domain/observation.js';
import type { Place } from '../../src/domain/occupancy.js';
import { belongs, canonicalRepository, intrudersIn, sameRepository } from '../../src/domain/occupancy.js';

const id = '0123456789abcdef'.repeat(4);
const live: Place = {
  service: 'backend',
  color: 'blue',
  port: 8081,
  containerName: 'backend',
  adopts: { repository: 'shop/backend', containers: ['legacy'] },
};
const standby: Place = { ...live, color: 'green', port: 8082, adopts: { containers: ['legacy'] } };

/** A container that a person started: it publishes the port of the live color. */
const container = (more: Partial<Container> = {}): Container => ({
  id,
  name: 'backend',
  running: true,
  startedAt: '2026-11-24T12:00:00Z',
  restartCount: 0,
  exitCode: 0,
  oomKilled: false,
  restartPolicy: 'always',
  ports: [8081],
  imageReference: 'shop/backend:1.0.0',
  ...more,
});

describe('repositories', () => {
  it.each([
    ['backend', 'docker.io/library/backend'],
    ['backend:1.0.0', 'docker.io/library/backend'],
    ['shop/backend:1.0.0', 'docker.io/shop/backend'],
    ['docker.io/shop/backend', 'docker.io/shop/backend'],
    ['index.docker.io/backend', 'docker.io/library/backend'],
    ['localhost/backend', 'localhost/backend'],
    ['localhost:5000/shop/backend:1.0.0', 'localhost:5000/shop/backend'],
    ['Registry/backend', 'registry/backend'],
    ['registry.example.com/shop/backend@sha256:00', 'registry.example.com/shop/backend'],
    ['REGISTRY.example.com/shop/backend:1@sha256:00', 'registry.example.com/shop/backend'],
    ['shop/backend:tag@sha256:00', 'docker.io/shop/backend'],
  ])('%s is %s', (reference, wanted) => {
    expect(canonicalRepository(reference)).toBe(wanted);
  });

  it('of two registries, or two paths, are two', () => {
    expect(sameRepository('registry.example.com/shop/backend', 'shop/backend')).toBe(false);
    expect(sameRepository('shop/backend-next:1', 'shop/backend')).toBe(false);
    expect(sameRepository('other/backend', 'shop/backend')).toBe(false);
    expect(sameRepository('docker.io/shop/backend:2', 'shop/backend@sha256:00')).toBe(true);
  });
});

describe('whose a container is', () => {
  it.each<[string, Partial<Container>, boolean]>([
    ['the image of the service, on the live color', {}, true],
    ['by its id', { imageReference: '3f2a', repositories: ['3f2a', 'shop/backend@sha256:00'] }, true],
    ['by the id of another image', { imageReference: '3f2a', repositories: ['3f2a', 'x@sha256:00'] }, false],
    ['another image', { imageReference: 'shop/frontend:1.0.0' }, false],
    ['the image of another registry', { imageReference: 'registry.example.com/shop/backend:1' }, false],
    ['another image under a name to adopt', { imageReference: 'old/app', name: 'legacy' }, true],
    ['stopped, whatever its image', { running: false }, false],
    ['paused', { running: false, paused: true }, true],
    ['about to be started again', { running: false, restarting: true }, true],
    ['on another port', { ports: [9000] }, false],
    ['of another app of deployctl', { owner: 'other/production' }, false],
    ['of another app of deployctl, under a name to adopt', { owner: 'other/production', name: 'legacy' }, false],
    ['ours', { ours: { service: 'backend', color: 'blue', release: 'r-1' }, imageReference: 'x' }, true],
    ['ours, of the other color', { ours: { service: 'backend', color: 'green', release: 'r-1' } }, false],
    ['adopted before, stopped', { adopted: { service: 'backend', color: 'blue' }, running: false }, true],
    ['adopted before for another service', { adopted: { service: 'frontend', color: 'blue' } }, false],
    [
      'set aside, and its note lost',
      { name: `backend-blue-adopted-${id.slice(0, 12)}-${id.slice(0, 12)}`, running: false },
      true,
    ],
    [
      'under the name of another that was set aside',
      { name: `backend-blue-adopted-${id.slice(0, 12)}-ffffffffffff`, running: false },
      false,
    ],
  ])('live: %s', (_, more, wanted) => {
    expect(belongs(container(more), live)).toBe(wanted);
  });

  it('an image alone says nothing on the standby color; a name and an earlier adoption do', () => {
    expect(belongs(container({ ports: [8082] }), standby)).toBe(false);
    expect(belongs(container({ ports: [8082], name: 'legacy' }), standby)).toBe(true);
    expect(belongs(container({ ports: [8082], adopted: { service: 'backend', color: 'green' } }), standby)).toBe(true);
  });

  it('what is not the slot’s is in its way by its port, or by a name that deployctl gives', () => {
    const agent = container({ name: 'metrics-agent', imageReference: 'shop/frontend:1.0.0' });
    const named = container({ name: 'backend-blue', ports: [], running: false });
    const next = container({ name: 'backend-blue-next', ports: [] });
    const idle = container({ name: 'idle', running: false });
    expect(intrudersIn([container(), agent, named, next, idle], live)).toEqual([
      { container: agent, by: 'port' },
      { container: named, by: 'name' },
      { container: next, by: 'name' },
    ]);
  });
});
