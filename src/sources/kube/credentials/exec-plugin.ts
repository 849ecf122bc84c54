import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { SourceError } from '../../error.ts'
import { bearer, type Credential, type Credentials, certificatePair } from './credential.ts'
import { type Lease, Shared } from './shared.ts'

const TIMEOUT_MS = 60_000
/** Characters of standard output; a certificate chain has some thousands. */
const MAX_OUTPUT = 1 << 20
/** Characters of standard error that a message repeats. */
const MAX_COMPLAINT = 500

export const EXEC_VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'] as const

/** A program that gives credentials (KEP-541), as a kubeconfig describes it. */
export interface ExecPlugin {
  /** Where it is described, for messages. */
  readonly origin: string
  readonly apiVersion: (typeof EXEC_VERSIONS)[number]
  /** A name on the path, or an absolute path. */
  readonly command: string
  readonly args: readonly string[]
  /** Beside the environment of this process. */
  readonly env: Readonly<Record<string, string>>
  /** What to do when the program is missing; empty when the kubeconfig does not say. */
  readonly installHint: string
  /** What the plugin is told of the cluster; absent unless it wants to know. */
  readonly cluster?: () => Promise<Readonly<Record<string, unknown>>>
  readonly timeoutMs?: number
}

/** Credentials that a program gives: run once for all who wait, and again when they expired or were refused. */
export function execCredentials(plugin: ExecPlugin): Credentials {
  return new Shared(async (_earlier, signal) => readCredential(plugin, await run(plugin, signal)))
}

interface Result {
  readonly output: string
  readonly complaint: string
  /** As a sentence; empty when it went well. */
  readonly failure: string
}

async function run(plugin: ExecPlugin, signal: AbortSignal): Promise<string> {
  const { output, complaint, failure } = await runProgram(plugin, await execInfo(plugin), signal)
  if (failure === '') return output
  const said = complaint === '' ? '' : `: ${complaint}`
  throw refusal(plugin, `${failure}${said}`)
}

/** Never fails, and never through a shell. A plugin that takes too long dies with all that it started. */
async function runProgram(plugin: ExecPlugin, info: string, signal: AbortSignal): Promise<Result> {
  const { command, args, timeoutMs = TIMEOUT_MS } = plugin
  const env = { ...process.env, ...plugin.env, KUBERNETES_EXEC_INFO: info }
  let child: ChildProcessByStdio<null, Readable, Readable>
  try {
    child = spawn(command, [...args], { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  } catch (error) {
    // The message would quote an argument.
    return { output: '', complaint: '', failure: `cannot be run: ${(error as NodeJS.ErrnoException).code}` }
  }
  return new Promise((resolve) => {
    let output = ''
    let complaint = ''
    const end = (failure: string) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
      resolve({ output, complaint: presentable(complaint, output), failure })
    }
    const kill = (failure: string) => {
      killGroup(child)
      end(failure)
    }
    const stop = () => kill('was stopped')
    const timer = setTimeout(kill, timeoutMs, `has not ended after ${timeoutMs} ms`)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop)
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      output += part
      if (output.length > MAX_OUTPUT) kill('writes too much')
    })
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      complaint = (complaint + part).slice(-10 * MAX_COMPLAINT)
    })
    child.on('error', ({ code, message }: NodeJS.ErrnoException) => {
      const hint = plugin.installHint === '' ? '' : ` (${plugin.installHint})`
      end(code === 'ENOENT' ? `is not there${hint}` : `cannot be run: ${code ?? message}`)
    })
    child.on('close', (code, killed) => {
      end(code === 0 ? '' : `ended with ${killed === null ? `code ${code}` : killed}`)
    })
  })
}

function killGroup(child: ChildProcess): void {
  child.stdout?.destroy()
  child.stderr?.destroy()
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It ended by itself meanwhile.
  }
}

async function execInfo({ apiVersion, cluster }: ExecPlugin): Promise<string> {
  const spec = { interactive: false, cluster: await cluster?.() }
  return JSON.stringify({ apiVersion, kind: 'ExecCredential', spec })
}

/** JSON Web Tokens, whatever follows "Bearer", and PEM. */
const SECRETS = [/eyJ[\w-]+\.[\w-]*\.?[\w-]*/g, /(?<=bearer\s+)\S+/gi, /-----BEGIN[^]*?(?:-----END[^\n]*|$)/g]

/** The last lines are those that say why. Anything that looks like a token, and the token itself, is left out. */
function presentable(complaint: string, output: string): string {
  const { token } = statusOf(output) ?? {}
  const known = typeof token === 'string' && token !== '' ? complaint.replaceAll(token, '...') : complaint
  const clean = SECRETS.reduce((text, secret) => text.replaceAll(secret, '...'), known)
  const line = clean.trim().replaceAll(/\s*\n\s*/g, '; ')
  return line.length <= MAX_COMPLAINT ? line : `...${line.slice(-MAX_COMPLAINT)}`
}

/** @throws SourceError; what the plugin wrote is not quoted. */
function readCredential(plugin: ExecPlugin, output: string): Lease<Credential> {
  const object = parsed(output)
  if (object?.['kind'] !== 'ExecCredential') throw refusal(plugin, 'wrote no ExecCredential')
  if (object['apiVersion'] !== plugin.apiVersion) {
    throw refusal(plugin, `wrote an ExecCredential of another version than ${plugin.apiVersion}`)
  }
  const { token, clientCertificateData, clientKeyData, expirationTimestamp } = statusOf(output) ?? {}
  const [cert, key] = [textOf(clientCertificateData), textOf(clientKeyData)]
  if (!isText(token) && (cert === undefined || key === undefined)) {
    throw refusal(plugin, 'gave neither a token nor a client certificate with its key')
  }
  const value = {
    ...(isText(token) && bearer(token, plugin.origin)),
    ...((cert ?? key) && certificatePair(cert ?? Buffer.of(), key ?? Buffer.of(), plugin.origin)),
  }
  return { value, isFresh: freshUntil(plugin, expirationTimestamp) }
}

function freshUntil(plugin: ExecPlugin, timestamp: unknown): () => boolean {
  if (timestamp === undefined || timestamp === null) return () => true
  const until = typeof timestamp === 'string' ? Date.parse(timestamp) : Number.NaN
  if (Number.isNaN(until)) throw refusal(plugin, 'gave an expirationTimestamp that is no time')
  return () => Date.now() < until
}

function parsed(output: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(output)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function statusOf(output: string): Record<string, unknown> | undefined {
  const status = parsed(output)?.['status']
  return typeof status === 'object' && status !== null ? (status as Record<string, unknown>) : undefined
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function textOf(value: unknown): Buffer | undefined {
  return isText(value) ? Buffer.from(value) : undefined
}

function refusal({ command, origin }: ExecPlugin, message: string): SourceError {
  return new SourceError('SOURCE_CREDENTIALS', origin, `the credential plugin ${command} ${message}`)
}
