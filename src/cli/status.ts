import { askInstance } from '../observe/control-socket.ts'
import { type Status, statusText } from '../observe/status.ts'
import { instanceOptions } from './agent-options.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import type { RawOptions } from './options.ts'

/** `sluice status`. */
export async function status(raw: RawOptions): Promise<ExitCode> {
  const { instance, runDirectory } = instanceOptions(raw)
  const answer = await askInstance(runDirectory, instance, 'GET', '/status')
  const parsed = JSON.parse(answer) as Status
  process.stdout.write(raw.json === true ? `${JSON.stringify(parsed, null, 2)}\n` : statusText(parsed))
  return EXIT.ok
}
