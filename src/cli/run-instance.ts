import { serveControl } from '../observe/control-socket.ts'
import { createLog, type Logger } from '../observe/log.ts'
import type { Status, StatusProblem } from '../observe/status.ts'
import { instanceOptions } from './agent-options.ts'
import { logFormat } from './kube-proxy/effective.ts'
import type { RawOptions } from './options.ts'
import { VERSION } from './version.ts'

/** What is particular to what an instance does; what it has nothing of counts as zero. */
export interface InstanceStatus
  extends Pick<Status, 'state' | 'plane' | 'revision' | 'servedRevision'>,
    Partial<Pick<Status, 'nodeName' | 'lastSync' | 'lastError'>> {
  readonly counts: Partial<Status['counts']> & Pick<Status['counts'], 'services' | 'endpointSlices' | 'nodes'>
  readonly problems: readonly StatusProblem[]
}

/** The log that the options ask for. @param descriptor 2 when standard output is for something else */
export function openLog(raw: RawOptions, descriptor: 1 | 2 = 1): Logger {
  return createLog({ level: raw.logLevel ?? 'info', format: logFormat(raw), descriptor })
}

/** Aborted by SIGTERM or SIGINT. */
export function stopSignal(): AbortController {
  const stopping = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopping.abort())
  return stopping
}

/** Resolves when it is aborted. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/**
 * Runs something under an instance's name, so that `sluice status` tells of it and `sluice cleanup` stops it.
 *
 * @param run is to end when its signal is aborted
 * @throws ControlError; UsageError; what `run` throws
 */
export async function runInstance(
  raw: RawOptions,
  status: () => InstanceStatus,
  run: (stopping: AbortSignal) => Promise<void>,
): Promise<void> {
  const { instance, runDirectory } = instanceOptions(raw)
  const stopping = stopSignal()
  const startedAt = new Date().toISOString()
  const control = await serveControl(runDirectory, instance, {
    status: () => ({ ...whole(status()), instance, startedAt }),
    stop: () => stopping.abort(),
  })
  try {
    await run(stopping.signal)
  } finally {
    await control.close()
  }
}

function whole(status: InstanceStatus): Omit<Status, 'instance' | 'startedAt'> {
  const nothing = { virtualServers: 0, endpoints: 0, transactions: 0, driftRepaired: 0, staleFlowsDeleted: 0 }
  return {
    version: VERSION,
    pid: process.pid,
    nodeName: '',
    lastSync: '',
    lastError: '',
    nodeAddresses: [],
    ...status,
    counts: { ...nothing, ...status.counts },
  }
}
