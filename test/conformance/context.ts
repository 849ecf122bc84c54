import type { End, Instance } from '../sluice/instance.ts'
import { type Manifest, nodeObject } from '../sluice/manifests.ts'
import type { Bed } from './bed/bed.ts'
import type { Plan } from './bed/plan.ts'
import type { Case } from './format/case.ts'
import { objectName } from './format/objects.ts'
import type { Plane } from './planes.ts'
import type { Feed } from './sources.ts'

/** Something that a case has shown, or has failed to show. */
export interface Check {
  readonly id: string
  readonly name: string
  readonly passed: boolean
  readonly expected: string
  readonly seen: string
}

/** What a case runs with. */
export interface ContextParts {
  readonly plane: Plane
  /** Closed with the context. */
  readonly feed: Feed
  readonly bed: Bed
  readonly plan: Plan
}

/** A case while it runs: its objects, its Sluice, and what it has shown so far. */
export class Context {
  readonly case: Case
  readonly bed: Bed
  readonly plan: Plan
  readonly plane: Plane
  readonly checks: Check[] = []
  /** Endpoint that a probe has hit last, by the probe's id. */
  readonly endpoints = new Map<string, string>()
  /** What steps open, to be closed at the end of the case, by a name that is theirs. */
  readonly open = new Map<string, { close(): Promise<void> }>()
  /** `counts.transactions` when a step last asked. */
  transactionsBefore = 0
  probes = 0
  connections = 0
  readonly #objects = new Map<string, Manifest>()
  readonly #feed: Feed
  #args: readonly string[] = []
  #instance: Instance | undefined
  #shouldRun = false

  constructor(of: Case, { plane, feed, bed, plan }: ContextParts) {
    this.case = of
    this.plane = plane
    this.bed = bed
    this.plan = plan
    this.#feed = feed
    this.#set([this.node(), ...serviceCIDRs(of.env.serviceCIDRs)])
  }

  /** The running Sluice. */
  get instance(): Instance {
    if (this.#instance === undefined) throw new Error('Sluice does not run: apply comes first')
    return this.#instance
  }

  get isRunning(): boolean {
    return this.#instance?.process.exitCode === null && this.#instance.process.signalCode === null
  }

  /** The Node object of this node; one that is applied later takes its place. */
  node(labels: Readonly<Record<string, string>> = this.case.env.nodeLabels, addresses?: readonly string[]): Manifest {
    const { nodeName, nodeIPs, primaryNodeIPs } = this.case.env
    const all = addresses ?? (primaryNodeIPs.length > 0 ? primaryNodeIPs : nodeIPs)
    const node = nodeObject(nodeName, all)
    return { ...node, metadata: { name: nodeName, labels } }
  }

  /** Starts Sluice with what is applied so far, with the rules and the run directory that are there. */
  async start(): Promise<void> {
    await this.#write()
    this.#shouldRun = true
    const started = this.plane.start(this.bed.node, {
      source: this.#feed.words,
      args: [...this.plane.arguments(this.case.env), ...this.#args],
      runDirectory: this.#instance?.runDirectory,
    })
    // A process that did not come to serve may still be there.
    started.catch(() => this.bed.spoil())
    this.#instance = await started
    this.transactionsBefore = 0
  }

  /** Ends Sluice with a signal, or waits for its own end when there is none. The rules stay. */
  async stop(signal?: NodeJS.Signals): Promise<End> {
    this.#shouldRun = false
    return signal === undefined ? this.instance.ended() : this.instance.stop(signal)
  }

  /** True when Sluice has ended, or does so, and no step has asked for it. */
  async hasDied(): Promise<boolean> {
    return this.#shouldRun && (await this.#instance?.tryStatus()) === undefined
  }

  /** Arguments of Sluice beside those of the environment, from its next start on. */
  setArguments(args: readonly string[]): void {
    this.#args = args
  }

  /** Writes objects, and removes others by `Kind namespace/name`; Sluice serves them afterwards, unless `wait` is false. */
  async apply(set: readonly Manifest[], remove: readonly string[], wait = true): Promise<void> {
    for (const name of remove) {
      if (!this.#objects.delete(name)) throw new Error(`there is no ${name} to delete`)
    }
    this.#set(set)
    if (this.#instance === undefined) return this.start()
    if (!this.isRunning || !wait) return this.#write()
    await this.#write(this.instance)
    await this.instance.waitFor('the objects to be served', ({ revision, servedRevision }) => {
      return servedRevision === revision
    })
  }

  check(check: Check): void {
    this.checks.push(check)
  }

  /** Ends Sluice and what the steps have opened. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.open.values()].map((thing) => thing.close()))
    await this.#instance?.dispose()
    await this.#feed.close()
  }

  #set(objects: readonly Manifest[]): void {
    for (const object of objects) this.#objects.set(objectName(object), object)
  }

  async #write(reader?: Instance): Promise<void> {
    await this.#feed.write([...this.#objects.values()], reader)
  }
}

/** ServiceCIDR objects, each with one range of either family, as the API has them. */
function serviceCIDRs(ranges: readonly string[]): Manifest[] {
  const ofFamily = (six: boolean) => ranges.filter((range) => range.includes(':') === six)
  const [four, six] = [ofFamily(false), ofFamily(true)]
  return Array.from({ length: Math.max(four.length, six.length) }, (_, index) => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: index === 0 ? 'kubernetes' : `kubernetes-${index}` },
    spec: { cidrs: [four[index], six[index]].filter((range) => range !== undefined) },
  }))
}
