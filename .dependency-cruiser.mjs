// Which folder may import which. The house goes one way, and this is the whole of its rules; CONTRIBUTING.md says why.

/** What each folder of src may import beside itself. `cli`, which wires them, may import everything. */
const layers = {
  sources: ['store', 'model', 'observe', 'grpc'],
  sinks: ['sink', 'virtual-server', 'model', 'kernel', 'observe', 'grpc'],
  client: ['sink', 'sources', 'model', 'grpc'],
  sink: ['model', 'observe'],
  'virtual-server': ['model'],
  feed: ['node', 'store', 'model', 'grpc'],
  node: ['store', 'model'],
  store: ['model'],
  model: [],
  grpc: [],
  kernel: [],
  observe: [],
}

const testFile = '[.]test[.]ts$'
const anyLayer = ['cli', ...Object.keys(layers)].join('|')

const layerRules = Object.entries(layers).map(([layer, below]) => ({
  name: `${layer}-imports`,
  comment: below.length === 0 ? `${layer} imports nothing of ours` : `${layer} imports only ${below.join(', ')}`,
  severity: 'error',
  from: { path: `^src/${layer}/` },
  to: { path: '^src/', pathNot: `^src/(${[layer, ...below].join('|')})/` },
}))

/** Kernel doors stand beside each other: netlink is what they share, and libc is under all. */
const kernelRules = [
  {
    name: 'kernel-libc-imports',
    comment: 'kernel/libc imports no other door',
    severity: 'error',
    from: { path: '^src/kernel/libc/' },
    to: { path: '^src/kernel/[^/]+/', pathNot: '^src/kernel/libc/' },
  },
  {
    name: 'kernel-netlink-imports',
    comment: 'kernel/netlink imports only kernel/libc',
    severity: 'error',
    from: { path: '^src/kernel/netlink/' },
    to: { path: '^src/kernel/[^/]+/', pathNot: '^src/kernel/(netlink|libc)/' },
  },
  {
    name: 'kernel-door-imports',
    comment: 'a kernel door imports only kernel/netlink and kernel/libc, no door beside it',
    severity: 'error',
    from: { path: '^src/kernel/([^/]+)/', pathNot: '^src/kernel/(netlink|libc)/' },
    to: { path: '^src/kernel/[^/]+/', pathNot: '^src/kernel/($1|netlink|libc)/' },
  },
]

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...layerRules,
    ...kernelRules,
    {
      name: 'sinks-stand-alone',
      comment: 'a sink imports no other sink; what they share is in sinks/ itself or below',
      severity: 'error',
      from: { path: '^src/sinks/([^/]+)/' },
      to: { path: '^src/sinks/[^/]+/', pathNot: '^src/sinks/$1/' },
    },
    {
      name: 'known-folders',
      comment: 'every module of src is in a folder that has a rule here',
      severity: 'error',
      from: {},
      to: { path: '^src/', pathNot: `^src/(${anyLayer})/` },
    },
    {
      name: 'product-stands-alone',
      comment: 'src runs without the tests, benchmarks and scripts',
      severity: 'error',
      from: { path: '^src/', pathNot: testFile },
      to: { path: ['^(test|bench|scripts)/', testFile] },
    },
    {
      name: 'unit-tests-import-test-helpers-only',
      comment: 'a test beside the code may import helpers from test/, and nothing from bench/ or scripts/',
      severity: 'error',
      from: { path: `^src/.*${testFile}` },
      to: { path: '^(bench|scripts)/' },
    },
    {
      name: 'no-development-dependencies',
      comment: 'src imports only what package.json lists under "dependencies"',
      severity: 'error',
      from: { path: '^src/', pathNot: testFile },
      // Types are gone at run time, wherever they came from.
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-cycles',
      comment: 'modules that import each other are one module',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'an import that leads nowhere escapes every other rule',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Types count: a module that knows another's types depends on it.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
}
