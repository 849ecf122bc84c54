import { defineConfig } from 'vitest/config'

/** What needs neither root nor a kernel of its own. */
const unit = ['{src,scripts,bench}/**/*.test.ts', 'test/{apiserver,unit,conformance}/**/*.test.ts']

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      // Nothing waits for so long, unless the machine has much else to do.
      { extends: true, test: { name: 'unit', include: unit, testTimeout: 30_000 } },
      {
        extends: true,
        test: {
          name: 'lab',
          include: ['test/**/*.test.ts'],
          exclude: unit,
          // The labs share one kernel and its limits, and some measure time.
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
