/**
 * What is bundled: the program, and the modules that it starts as worker threads, which need a file of their own.
 *
 * @type {readonly { from: string, to: string }[]}
 */
export const entries = [
  { from: 'src/cli/main.ts', to: 'dist/sluice.js' },
  { from: 'src/sources/file/parse-worker.ts', to: 'dist/parse-worker.js' },
]
