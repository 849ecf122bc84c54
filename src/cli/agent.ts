import { setTimeout as delay } from 'node:timers/promises'
import type { IpAddress } from '../model/ip.ts'
import type { Node } from '../model/node.ts'
import type { ServiceKey } from '../model/service.ts'
import { NodeView } from '../node/view.ts'
import { serveControl } from '../observe/control-socket.ts'
import { Slices } from '../observe/event-loop.ts'
import type { Logger } from '../observe/log.ts'
import type { Status, StatusProblem } from '../observe/status.ts'
import type { Source } from '../sources/source.ts'
import type { Store } from '../store/store.ts'
import type { DataPlane, PlaneProblem } from '../virtual-server/data-plane.ts'
import { virtualServers } from '../virtual-server/from-local.ts'
import type { VirtualServer } from '../virtual-server/virtual-server.ts'
import type { AgentHealth } from './agent-health.ts'
import { failureText } from './failure.ts'
import type { AgentOptions } from './options.ts'
import { VERSION } from './version.ts'

/** What an agent is made of. */
export interface AgentParts {
  readonly options: AgentOptions
  readonly log: Logger
  readonly store: Store
  readonly source: Source
  readonly plane: DataPlane
  /** Where node ports are served. */
  readonly addresses: {
    setNode(node: Node | undefined): void
    /** Undefined when nothing changed since the last call. */
    changed(): readonly IpAddress[] | undefined
    /** Where health checks listen; 0.0.0.0 and :: stand for all of their family. */
    readonly toListen: readonly IpAddress[]
    follow(callback: () => void): void
    close(): void
  }
  /** Absent for a run that ends at once. */
  readonly health?: AgentHealth
}

const RETRY_MS = { first: 200, longest: 30_000 } as const

/** Runs a node's agent: keeps the data plane in line with the source until it is told to stop. */
export class Agent {
  readonly #parts: AgentParts
  readonly #view: NodeView
  readonly #startedAt = new Date().toISOString()
  readonly #stopping = new AbortController()
  #state: Status['state'] = 'loading'
  #servedRevision = 0
  #lastSync = ''
  #lastError = ''
  #nodeAddresses: readonly IpAddress[] = []
  #wakeForAddresses: (() => void) | undefined
  #addressesMayDiffer = true

  constructor(parts: AgentParts) {
    this.#parts = parts
    this.#view = new NodeView(parts.store, parts.options.nodeName)
  }

  /**
   * Runs until {@link stop}, or with `once` until the first state is in the kernel.
   *
   * @throws what the source or the plane fails with before the first state is served; ControlError.
   */
  async run(): Promise<void> {
    const { options, source, plane, addresses, health } = this.#parts
    let control: { close: () => Promise<void> } | undefined
    try {
      // A run that only looks, or that ends at once, needs no place of its own.
      if (!options.once && !options.dryRun) control = await this.#serveControl()
      await health?.start()
      await source.start()
      await this.#serveFirst()
      if (!options.once) await this.#follow()
    } finally {
      await health?.close()
      await source.close()
      this.#view.close()
      addresses.close()
      await plane.close()
      await control?.close()
    }
  }

  async #serveControl(): Promise<{ close: () => Promise<void> }> {
    const { runDirectory, instance } = this.#parts.options
    return serveControl(runDirectory, instance, {
      status: () => this.status(),
      stop: () => {
        this.stop()
      },
    })
  }

  /** Ends {@link run}; the rules stay in the kernel. */
  stop(): void {
    this.#stopping.abort()
    this.#view.close()
  }

  status(): Status {
    const { options, store, plane } = this.#parts
    return {
      instance: options.instance,
      version: VERSION,
      pid: process.pid,
      state: this.#state,
      plane: plane.name,
      nodeName: options.nodeName,
      startedAt: this.#startedAt,
      revision: store.revision,
      servedRevision: this.#servedRevision,
      lastSync: this.#lastSync,
      lastError: this.#lastError,
      counts: { ...store.counts, ...plane.counts() },
      nodeAddresses: this.#nodeAddresses,
      problems: this.problems(),
    }
  }

  /** Everything that is not served as it was asked for. */
  problems(): StatusProblem[] {
    const { source, plane, health } = this.#parts
    return [...source.problems(), ...plane.problems().map(planeProblem), ...(health?.problems() ?? [])]
  }

  async #serveFirst(): Promise<void> {
    const changes = await this.#view.next()
    if (changes === undefined) return
    await this.#serve(changes)
    this.#parts.addresses.follow(() => {
      this.#addressesMayDiffer = true
      this.#wakeForAddresses?.()
    })
    const { virtualServers: servers, endpoints } = this.#parts.plane.counts()
    this.#parts.log.info({ revision: changes.revision, virtualServers: servers, endpoints }, 'serving')
  }

  async #follow(): Promise<void> {
    let pending = this.#view.next()
    while (!this.#stopping.signal.aborted) {
      const woken = new Promise<'addresses'>((resolve) => {
        this.#wakeForAddresses = () => {
          resolve('addresses')
        }
        if (this.#addressesMayDiffer) resolve('addresses')
      })
      const event = await Promise.race([pending, woken])
      if (event === undefined) return
      if (event === 'addresses') await this.#serveWithRetry({ services: new Set(), node: undefined })
      else {
        pending = this.#view.next()
        await this.#serveWithRetry(event)
      }
    }
  }

  async #serveWithRetry(changes: Changes): Promise<void> {
    let wait: number = RETRY_MS.first
    let left = changes
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#serve(left)
        return
      } catch (error) {
        this.#state = 'failing'
        this.#lastError = failureText(error)
        this.#parts.log.error({ err: error }, 'the kernel could not be brought in line; it is tried again')
        // The plane has taken the changes over; what is left is to make it try again.
        left = { services: new Set(), node: undefined }
        await delay(wait, undefined, { signal: this.#stopping.signal }).catch(() => undefined)
        wait = Math.min(wait * 2, RETRY_MS.longest)
      }
    }
  }

  async #serve(changes: Changes): Promise<void> {
    const { plane, addresses, options, health } = this.#parts
    health?.queued()
    if (changes.node !== undefined) {
      addresses.setNode(changes.node ?? undefined)
      health?.setNode(changes.node)
    }
    this.#addressesMayDiffer = false
    const nodeAddresses = addresses.changed()
    if (nodeAddresses !== undefined) this.#nodeAddresses = nodeAddresses
    const services = new Map<ServiceKey, readonly VirtualServer[]>()
    const slices = new Slices()
    for (const key of changes.services) {
      const local = this.#view.local(key)
      health?.stage(key, local)
      services.set(key, local === undefined ? [] : virtualServers(local, options))
      if (slices.due()) await slices.pause()
    }
    try {
      await plane.apply({ services, nodeAddresses })
    } finally {
      health?.applied(plane.failedFamilies, addresses.toListen)
    }
    this.#state = 'serving'
    this.#lastError = ''
    this.#lastSync = new Date().toISOString()
    if (changes.revision !== undefined) this.#servedRevision = changes.revision
  }
}

interface Changes {
  readonly services: ReadonlySet<ServiceKey>
  readonly node: Node | null | undefined
  readonly revision?: number
}

function planeProblem({ object, message }: PlaneProblem): StatusProblem {
  return { severity: 'error', object, field: '', message, origin: '' }
}
