import pino, { type Logger } from 'pino'

export type { Logger } from 'pino'

export type LogFormat = 'json' | 'text'
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export interface LogOptions {
  readonly level: LogLevel
  readonly format: LogFormat
  /** File descriptor: 1 or 2. */
  readonly descriptor: 1 | 2
}

/** The process's log: a JSON object a line, or lines for people. */
export function createLog({ level, format, descriptor }: LogOptions): Logger {
  const sink = pino.destination({ fd: descriptor, sync: true })
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: levelName } }
  if (format === 'json') return pino(options, sink)
  return pino(options, { write: (line: string) => sink.write(textLine(line)) })
}

function levelName(label: string): { level: string } {
  return { level: label }
}

/** `12:30:01 warn  the message key=value`. */
function textLine(line: string): string {
  const { level, time, msg, ...rest } = JSON.parse(line) as Record<string, unknown>
  const clock = String(time).slice(11, 19)
  const fields = Object.entries(rest).map(([key, value]) => ` ${key}=${fieldText(value)}`)
  return `${clock} ${String(level).padEnd(5)} ${String(msg)}${fields.join('')}\n`
}

function fieldText(value: unknown): string {
  if (value !== null && typeof value === 'object' && 'message' in value) return String(value.message)
  return typeof value === 'string' ? value : JSON.stringify(value)
}
