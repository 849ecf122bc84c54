import { setTimeout as delay } from 'node:timers/promises'
import type { Cidr } from '../model/ip.ts'
import type { Node } from '../model/node.ts'
import type { ServiceKey } from '../model/service.ts'
import { serveControl } from '../observe/control-socket.ts'
import { Slices } from '../observe/event-loop.ts'
import type { Logger } from '../observe/log.ts'
import type { Status, StatusProblem } from '../observe/status.ts'
import type { Source } from '../sources/source.ts'
import type { LocalState } from '../store/local-state.ts'
import type { ChangeTimes } from '../store/reader.ts'
import type { DataPlane, PlaneChanges, PlaneProblem } from '../virtual-server/data-plane.ts'
import { virtualServers } from '../virtual-server/from-local.ts'
import type { VirtualServer } from '../virtual-server/virtual-server.ts'
import type { AgentHealth } from './agent-health.ts'
import type { AgentMetrics } from './agent-metrics.ts'
import type { AgentOptions } from './agent-options.ts'
import { failureText } from './failure.ts'
import type { NodeAddressing } from './node-addresses.ts'
import { SyncSchedule } from './sync-schedule.ts'
import { VERSION } from './version.ts'
import { within } from './within.ts'

/** What is done beside the data plane when it has committed. */
export interface AgentFlows {
  /** Told before the plane is, so that nothing is missed of changes that the plane takes over but commits later. */
  announce(changes: PlaneChanges): void
  /**
   * Begins to delete what the changes made stale, once they are committed and before more are announced; resolves when that is
   * done, or after a moment. Never fails: what could not be done is tried again.
   */
  apply(): Promise<void>
  /** The same for everything, whatever changed. */
  check(): Promise<void>
  counts(): Pick<Status['counts'], 'staleFlowsDeleted'>
  /** Warnings. */
  problems(): readonly PlaneProblem[]
  close(): Promise<void>
}

/** What an agent is made of. */
export interface AgentParts {
  readonly options: AgentOptions
  readonly log: Logger
  /** What the source says that this node must do. */
  readonly state: LocalState
  readonly source: Source
  readonly plane: DataPlane
  /** Absent when the kernel is only looked at. */
  readonly flows?: AgentFlows
  /** Where node ports are served. */
  readonly addresses: {
    setNode(node: Node | undefined): void
    /** Undefined when nothing changed since the last call. */
    changed(): NodeAddressing | undefined
    follow(callback: () => void): void
    close(): void
  }
  /** Absent for a run that ends at once. */
  readonly health?: AgentHealth
  /** Absent when nobody can ask for them. */
  readonly metrics?: AgentMetrics
  /** What else is there for as long as the agent runs. */
  readonly companions?: readonly AgentCompanion[]
}

/** Something that stands beside an agent: serves what it tells, or tells others. */
export interface AgentCompanion {
  /** @throws what the agent is not to run without */
  start(agent: Agent): Promise<void>
  problems(): readonly StatusProblem[]
  /** Never fails. */
  close(): Promise<void>
}

/** How long to wait for the node's pod CIDRs, when pods are told by them (promise 65). */
const POD_CIDRS_WAIT_MS = 300_000

/** Runs a node's agent: keeps the data plane in line with the source until it is told to stop. */
export class Agent {
  readonly #parts: AgentParts
  readonly #view: LocalState
  readonly #startedAt = new Date().toISOString()
  readonly #stopping = new AbortController()
  #state: Status['state'] = 'loading'
  #takenRevision = 0
  #servedRevision = 0
  #lastPodCIDRs: string | undefined
  #lastOwnAddresses: string | undefined
  #lastSync = ''
  #lastError = ''
  #nodeAddresses: NodeAddressing = { nodePorts: [], toListen: [], own: [] }
  #node: Node | undefined
  #wakeForAddresses: (() => void) | undefined
  #addressesMayDiffer = true
  #nextChanges: Promise<Changes | undefined> | undefined
  readonly #schedule: SyncSchedule

  constructor(parts: AgentParts) {
    this.#parts = parts
    this.#view = parts.state
    this.#schedule = new SyncSchedule(parts.options)
  }

  /**
   * Runs until {@link stop}, or with `once` until the first state is in the kernel.
   *
   * @throws what the source or the plane fails with before the first state is served; ControlError.
   */
  async run(): Promise<void> {
    const { options, source, plane, flows, addresses, health, companions = [] } = this.#parts
    let control: { close: () => Promise<void> } | undefined
    try {
      // A run that only looks, or that ends at once, needs no place of its own.
      if (!options.once && !options.dryRun) control = await this.#serveControl()
      await health?.start()
      for (const companion of companions) await companion.start(this)
      await source.start()
      await this.#serveFirst()
      if (!options.once) await this.#follow()
    } finally {
      await health?.close()
      await source.close()
      for (const companion of companions) await companion.close()
      await this.#view.close()
      addresses.close()
      await plane.close()
      await flows?.close()
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
    void this.#view.close()
    // It may still wait for its first state. Closing never fails, and run() waits for it.
    void this.#parts.source.close()
  }

  status(): Status {
    const { options, state, plane, flows } = this.#parts
    return {
      instance: options.instance,
      version: VERSION,
      pid: process.pid,
      state: this.#state,
      plane: plane.name,
      nodeName: options.nodeName,
      startedAt: this.#startedAt,
      revision: state.revision,
      servedRevision: this.#servedRevision,
      lastSync: this.#lastSync,
      lastError: this.#lastError,
      counts: { ...state.objects, ...plane.counts(), staleFlowsDeleted: 0, ...flows?.counts() },
      nodeAddresses: this.#nodeAddresses.nodePorts,
      problems: this.problems(),
    }
  }

  /** Everything that is not served as it was asked for. */
  problems(): StatusProblem[] {
    const { source, plane, flows, health, companions = [] } = this.#parts
    return [
      ...source.problems(),
      ...plane.problems().map((problem) => planeProblem(problem, 'error')),
      ...(flows?.problems().map((problem) => planeProblem(problem, 'warning')) ?? []),
      ...(health?.problems() ?? []),
      ...companions.flatMap((companion) => companion.problems()),
    ]
  }

  async #serveFirst(): Promise<void> {
    const changes = await this.#firstChanges()
    if (changes === undefined) return
    // The same state makes the same tables, whatever order it came in.
    await this.#serve({ ...changes, services: new Set([...changes.services].sort()) })
    this.#parts.addresses.follow(() => {
      this.#addressesMayDiffer = true
      this.#wakeForAddresses?.()
    })
    const { virtualServers: servers, endpoints } = this.#parts.plane.counts()
    this.#parts.log.info({ revision: changes.revision, virtualServers: servers, endpoints }, 'serving')
  }

  /** Waits for the node's pod CIDRs, if they are needed; without them pods would be taken for strangers. */
  async #firstChanges(): Promise<Changes | undefined> {
    const { options, log } = this.#parts
    let changes = await this.#takeChanges()
    if (options.detectLocal.mode !== 'NodeCIDR' || options.once || options.dryRun) return changes
    const deadline = performance.now() + POD_CIDRS_WAIT_MS
    while (changes !== undefined && (changes.node?.podCIDRs ?? []).length === 0) {
      log.info({ node: options.nodeName }, 'waiting for the podCIDRs of the node')
      if ((await within(deadline - performance.now(), this.#pending())) === 'over') {
        log.warn('the node has no podCIDRs: its pods are not told from other clients until it has')
        return changes
      }
      const more = await this.#takeChanges()
      changes = more && merge(changes, more)
    }
    return changes
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stopping
    for (;;) {
      await delay(this.#schedule.allowedIn, undefined, { signal }).catch(() => undefined)
      const event = await within(this.#schedule.dueIn, this.#pending(), this.#addressChange())
      const changes = event === 'changes' ? await this.#takeChanges() : NO_CHANGES
      if (changes === undefined || signal.aborted) return
      await this.#sync(changes)
    }
  }

  /** Resolves when there are changes to take, or the agent is to end. */
  async #pending(): Promise<'changes'> {
    this.#nextChanges ??= this.#view.next()
    await this.#nextChanges
    return 'changes'
  }

  /** @returns undefined when the agent is to end. */
  async #takeChanges(): Promise<Changes | undefined> {
    const changes = await (this.#nextChanges ?? this.#view.next())
    this.#nextChanges = undefined
    return changes
  }

  async #addressChange(): Promise<'addresses'> {
    return new Promise((resolve) => {
      this.#wakeForAddresses = () => {
        resolve('addresses')
      }
      if (this.#addressesMayDiffer) resolve('addresses')
    })
  }

  /** Serves changes, or tries again what failed before. A failure is told, and tried again later. */
  async #sync(changes: Changes): Promise<void> {
    const isCheck = this.#schedule.isCheckDue
    this.#schedule.started()
    try {
      await this.#serve(changes)
      if (isCheck) await this.#check()
      this.#schedule.succeeded()
    } catch (error) {
      this.#schedule.failed()
      this.#state = 'failing'
      this.#lastError = failureText(error)
      this.#parts.log.error({ err: error }, 'the kernel could not be brought in line; it is tried again')
    }
  }

  async #check(): Promise<void> {
    await this.#parts.plane.check()
    await this.#parts.flows?.check()
  }

  async #serve(changes: Changes): Promise<void> {
    const { plane, flows, health, metrics } = this.#parts
    const start = performance.now()
    health?.queued()
    metrics?.syncing(changes.times)
    const node = this.#nodeChanges(changes)
    const services = await this.#virtualServers(changes.services)
    // Once taken over by the plane, changes are not lost when it fails.
    this.#takenRevision = changes.revision ?? this.#takenRevision
    const taken = { services, ...node }
    flows?.announce(taken)
    metrics?.computed(performance.now() - start)
    try {
      await plane.apply(taken)
    } finally {
      metrics?.computed(0)
      health?.applied(plane.failedFamilies, this.#nodeAddresses.toListen)
    }
    this.#state = 'serving'
    this.#lastError = ''
    this.#lastSync = new Date().toISOString()
    metrics?.served()
    await flows?.apply()
    this.#servedRevision = this.#takenRevision
  }

  /** What a plane has to know of the node, as far as it changed. */
  #nodeChanges({ node, serviceCIDRs }: Changes): Omit<PlaneChanges, 'services'> {
    const { addresses, options, health } = this.#parts
    if (node !== undefined) {
      this.#node = node ?? undefined
      addresses.setNode(this.#node)
      health?.setNode(node)
    }
    this.#addressesMayDiffer = false
    const addressing = addresses.changed()
    if (addressing !== undefined) this.#nodeAddresses = addressing
    const followsPodCIDRs = options.detectLocal.mode === 'NodeCIDR' && node !== undefined
    return {
      nodeAddresses: addressing?.nodePorts,
      ...(followsPodCIDRs ? this.#podCIDRs() : undefined),
      ...(serviceCIDRs ? { serviceCIDRs } : undefined),
    }
  }

  /** The node's own, if they changed: other ones mean other rules. */
  #podCIDRs(): Pick<PlaneChanges, 'podCIDRs'> | undefined {
    const podCIDRs = this.#node?.podCIDRs ?? []
    if (podCIDRs.join() === this.#lastPodCIDRs) return undefined
    this.#lastPodCIDRs = podCIDRs.join()
    return { podCIDRs }
  }

  async #virtualServers(keys: ReadonlySet<ServiceKey>): Promise<Map<ServiceKey, readonly VirtualServer[]>> {
    const { health, metrics } = this.#parts
    const { masqueradeAll } = this.#parts.options
    const services = new Map<ServiceKey, readonly VirtualServer[]>()
    const slices = new Slices()
    for (const key of this.#affected(keys)) {
      const local = this.#view.local(key)
      health?.stage(key, local)
      const options = { masqueradeAll, nodeIPs: this.#nodeAddresses.own }
      const servers = local === undefined ? [] : virtualServers(local, options)
      metrics?.rendered(key, servers)
      services.set(key, servers)
      if (slices.due()) await slices.pause()
    }
    return services
  }

  /** Other addresses of the node may mean other source ranges for any Service that has some (promise 58). */
  #affected(keys: ReadonlySet<ServiceKey>): Iterable<ServiceKey> {
    const own = this.#nodeAddresses.own.join()
    if (own === this.#lastOwnAddresses) return keys
    this.#lastOwnAddresses = own
    return new Set([...keys, ...this.#view.restricted()])
  }
}

const NO_CHANGES: Changes = { services: new Set(), node: undefined, serviceCIDRs: undefined }

interface Changes {
  readonly services: ReadonlySet<ServiceKey>
  readonly node: Node | null | undefined
  readonly serviceCIDRs: readonly Cidr[] | undefined
  readonly revision?: number
  /** Absent when nothing of the cluster changed. */
  readonly times?: ChangeTimes
}

/** Both, the later one last. */
function merge(before: Changes, after: Changes): Changes {
  return {
    ...after,
    services: new Set([...before.services, ...after.services]),
    node: after.node === undefined ? before.node : after.node,
    serviceCIDRs: after.serviceCIDRs ?? before.serviceCIDRs,
    ...mergeTimes(before.times, after.times),
  }
}

/** What came first counts: nobody was served in between. */
function mergeTimes(before: ChangeTimes | undefined, after: ChangeTimes | undefined): Pick<Changes, 'times'> {
  const times = after && { ...after, since: before?.since, triggers: [...(before?.triggers ?? []), ...after.triggers] }
  return times === undefined ? {} : { times }
}

function planeProblem({ object, message, kind }: PlaneProblem, severity: StatusProblem['severity']): StatusProblem {
  return { severity, object, field: '', message, ...(kind && { kind }), origin: '' }
}
