/**
 * What is bundled: the program, and the modules that it starts as worker threads, which need a file of their own.
 *
 * @type {readonly { from: string, to: string }[]}
 */
export const entries = [
  { from: 'src/cli/main.ts', to: 'dist/sluice.js' },
  { from: 'src/sources/file/parse-worker.ts', to: 'dist/parse-worker.js' },
]

/**
 * The package's exports, which share what they have in common.
 *
 * @type {readonly { from: string, to: string }[]}
 */
export const libraryEntries = ['sink', 'client', 'model'].map((name) => ({
  from: `src/${name}/index.ts`,
  to: `dist/library/${name}.js`,
}))
