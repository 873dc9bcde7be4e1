// The arrows of the architecture (CONTRIBUTING.md): a room imports only the rooms named here.
const ROOMS = {
  domain: [],
  strategies: ['domain'],
  engine: ['domain', 'strategies'],
  // Adapters: the words of the domain and the engine's ports.
  aws: ['domain', 'engine/ports'],
  config: ['domain'],
  health: ['domain', 'engine/ports'],
  host: ['domain', 'engine/ports'],
  reporters: ['domain', 'engine/ports'],
  state: ['domain', 'engine/ports'],
  // What the commands do, over ports that the composition root hands them.
  operations: ['domain', 'engine', 'strategies', 'state'],
  // What commands share: flags to options, results to text.
  presentation: ['config', 'domain', 'operations', 'reporters', 'state'],
  // A local AWS, which knows nothing of deployctl.
  sandbox: [],
};

const arrows = Object.entries(ROOMS).map(([room, allowed]) => ({
  name: `${room}-imports`,
  comment: `src/${room} imports ${allowed.length === 0 ? 'nothing of ours' : allowed.join(', ')}`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: { path: '^(?:src|test|bin|scripts)/', pathNot: `^src/(?:${[`${room}/`, ...allowed].join('|')})` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...arrows,
    {
      name: 'commands-are-thin',
      comment:
        'commands parse and call: the composition root, operations, domain, config and reporters are what they know',
      severity: 'error',
      from: { path: '^src/commands/' },
      to: { path: '^src/(?:aws|engine|health|host|state|strategies)/' },
    },
    {
      name: 'sandbox-is-loaded-late',
      comment: 'only the sandbox commands open the sandbox, by await import(), so that no other command pays for it',
      severity: 'error',
      from: { path: '^(?:src|bin)/', pathNot: '^src/sandbox/' },
      to: { path: '^src/sandbox/', dependencyTypesNot: ['dynamic-import', 'type-only'] },
    },
    {
      name: 'sandbox-is-a-room-of-its-own',
      severity: 'error',
      from: { path: '^(?:src|bin)/', pathNot: '^src/(?:sandbox|commands/sandbox)/' },
      to: { path: '^src/sandbox/' },
    },
    {
      name: 'aws-sdk-only-in-aws',
      severity: 'error',
      from: { path: '^(?:src|bin)/', pathNot: '^src/aws/' },
      to: { path: 'node_modules/(?:@aws-sdk|@smithy)/|^(?:@aws-sdk|@smithy)/' },
    },
    {
      name: 'pure',
      comment: 'domain and strategies do no I/O',
      severity: 'error',
      from: { path: '^src/(?:domain|strategies)/' },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer'] },
    },
    {
      name: 'no-circles',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'no-tests-in-src', severity: 'error', from: { path: '^src/' }, to: { path: '^test/' } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-dev-dependency-at-run-time',
      severity: 'error',
      from: { path: '^(?:src|bin)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
