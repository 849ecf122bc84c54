// Writes docs/benchmarks.md and its plots anew from the figures of the last full run: `npm run bench -- report [FOLDER]`.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Results } from './peers/results.ts'
import { writeReport } from './report/write.ts'

const [folder = 'docs/benchmarks'] = process.argv.slice(2)
await writeReport(JSON.parse(readFileSync(path.join(folder, 'results.json'), 'utf8')) as Results, folder)
