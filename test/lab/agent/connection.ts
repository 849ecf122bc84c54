import { LabError } from '../error.ts'
import type { Answer, ConnectSpec } from './protocol.ts'
import { lines, open } from './tcp.ts'

/** A long-lived TCP connection to a lab server. */
export interface RunningConnection {
  greeting: Answer
  /** Sends a line and waits for it to come back. */
  echo(text: string, timeoutMs: number): Promise<string>
  close(): Promise<void>
}

/** Connects, and waits for the server's greeting. */
export async function openConnection(spec: ConnectSpec): Promise<RunningConnection> {
  const socket = open(spec)
  const waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = []
  let broken: Error | undefined
  const line = (timeoutMs: number) =>
    new Promise<string>((resolve, reject) => {
      if (broken) return reject(broken)
      const timer = setTimeout(() => reject(new LabError('TIMEOUT', `nothing came within ${timeoutMs} ms`)), timeoutMs)
      const done = () => clearTimeout(timer)
      waiting.push({
        resolve: (text) => resolve((done(), text)),
        reject: (error) => reject((done(), error)),
      })
    })
  const breakWith = (error: Error) => {
    broken ??= error
    for (const { reject } of waiting.splice(0)) reject(broken)
  }
  // A line nobody waits for any more still takes its turn, else later echoes would get earlier lines.
  lines(socket, (text) => waiting.shift()?.resolve(text))
  socket.on('error', breakWith)
  socket.on('close', () => breakWith(new LabError('CLOSED', 'the connection is closed', { errno: 'EOF' })))
  try {
    const greeting = JSON.parse(await line(spec.timeoutMs ?? 2000)) as Answer
    return {
      greeting,
      echo(text, timeoutMs) {
        const answer = line(timeoutMs)
        socket.write(`${text}\n`)
        return answer
      },
      async close() {
        socket.destroy()
      },
    }
  } catch (error) {
    socket.destroy()
    throw error
  }
}
