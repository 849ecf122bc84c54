// Runs a program at each change, with the whole state on its standard input: a line of JSON for each Service with its endpoints,
// as KPNG's kpng-callout does it. A program that fails is run again.
//
//   node examples/run-program.ts ADDRESS NODE PROGRAM [ARGUMENT...]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { runClient } from 'sluice/client'
import { type FullState, fullState, kpngJson } from 'sluice/sink'

const [address, nodeName, program, ...args] = process.argv.slice(2)
if (address === undefined || nodeName === undefined || program === undefined) {
  console.error('usage: run-program.ts ADDRESS NODE PROGRAM [ARGUMENT...]')
  process.exit(2)
}
const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())

/** @throws Error when the program cannot be run, or fails */
async function run(command: string, { services }: FullState): Promise<void> {
  const child = spawn(command, args, { stdio: ['pipe', 'inherit', 'inherit'] })
  // A program that does not read everything ends the pipe, and that is its own business.
  child.stdin.on('error', () => {})
  child.stdin.end(services.map((local) => `${JSON.stringify(kpngJson(local))}\n`).join(''))
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  if (code !== 0) throw new Error(`${command} ended with ${signal ?? `code ${String(code)}`}`)
}

await runClient([fullState(program, async (state) => run(program, state))], {
  address,
  nodeName,
  signal: stopping.signal,
  hooks: { onFailed: ({ error, retryMs }) => console.error(`${String(error)}; again in ${retryMs} ms`) },
})
