// Checks every import against .dependency-cruiser.mjs.
import { cruise } from './boundaries/cruise.ts'

const { modules, violations } = await cruise(process.cwd())
for (const { rule, from, to } of violations) console.error(`${from} -> ${to}: ${rule}`)
console.log(`${modules} modules of src read, ${violations.length} forbidden imports`)
// With a TypeScript that it does not know, dependency-cruiser reads nothing and finds nothing wrong with it.
process.exitCode = modules === 0 || violations.length > 0 ? 1 : 0
