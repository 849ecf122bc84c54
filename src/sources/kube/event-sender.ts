import type { EventNote, EventSender, EventSeries, EventSubject, Sent } from '../../observe/events.ts'
import { isSourceError, type SourceErrorCode } from '../error.ts'
import { ApiClient } from './api-client.ts'
import type { ApiServer } from './api-server.ts'
import type { ApiAnswer, ApiWrite } from './connection.ts'

/** Who reports: kubectl shows it, and nobody else uses the name. */
const CONTROLLER = 'sluice'
/** Where Events about objects without a namespace are, by convention. */
const CLUSTER_NAMESPACE = 'default'
/** What the API server accepts. Characters. */
const MAX_NOTE = 1024
const MAX_NAME = 253
const PATIENCE_MS = 10_000

/** Where objects of namespaces are read, by their kind: what an Event is about is found by its uid, too. */
const PLURALS: Readonly<Record<string, string>> = { Service: 'services', EndpointSlice: 'endpointslices' }

/** What asking again does not cure. */
const FINAL: ReadonlySet<SourceErrorCode> = new Set(['SOURCE_CREDENTIALS', 'SOURCE_NOT_SERVED', 'SOURCE_INVALID'])

/** Sends Events to an API server as events.k8s.io/v1, over a connection of its own. */
export class KubeEventSender implements EventSender {
  readonly #client: ApiClient
  readonly #nodeName: string
  readonly #closing = new AbortController()
  #lastId = 0

  /** @param onAnswer told of each request, to be measured */
  constructor(server: ApiServer, nodeName: string, onAnswer?: (answer: ApiAnswer) => void) {
    this.#client = new ApiClient(server, onAnswer)
    this.#nodeName = nodeName
  }

  async create(event: EventNote, at: Date): Promise<Sent> {
    const { regarding } = event
    const name = this.#newName(regarding, at)
    return this.#sent(name, async () => {
      const uid = await this.#uidOf(regarding)
      await this.#write(collection(regarding), { method: 'POST', value: this.#object(event, name, uid, at) })
    })
  }

  async repeat({ regarding }: EventNote, name: string, { count, lastAt }: EventSeries): Promise<Sent> {
    const series = { count, lastObservedTime: microTime(lastAt) }
    return this.#sent(name, async () => {
      await this.#write(`${collection(regarding)}/${name}`, { method: 'PATCH', value: { series } })
    })
  }

  close(): void {
    this.#closing.abort()
    this.#client.close()
  }

  /** What the API server will not take at any time is refused; everything else may be tried again. */
  async #sent(name: string, write: () => Promise<void>): Promise<Sent> {
    try {
      await write()
      return { name }
    } catch (error) {
      if (isSourceError(error) && FINAL.has(error.code)) return { refused: error.message }
      throw error
    }
  }

  async #write(path: string, write: ApiWrite): Promise<void> {
    await this.#client.json({ ...this.#request(path), write })
  }

  /** Of an object that cannot be asked for, none: the Event tells its name anyway. */
  async #uidOf({ apiVersion, kind, namespace, name }: EventSubject): Promise<string> {
    // By convention of kubelet and kube-proxy, which do not ask either; kubectl looks for it.
    if (kind === 'Node') return name
    const plural = PLURALS[kind]
    if (plural === undefined) return ''
    const root = apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`
    const request = this.#request(`${root}/namespaces/${namespace}/${plural}`, {
      fieldSelector: `metadata.name=${name}`,
    })
    try {
      const list = (await this.#client.json(request)) as { items?: { metadata?: { uid?: unknown } }[] | null } | null
      const uid = list?.items?.[0]?.metadata?.uid
      return typeof uid === 'string' ? uid : ''
    } catch (error) {
      if (isSourceError(error, 'SOURCE_UNREACHABLE')) throw error
      return ''
    }
  }

  #object({ type, reason, action, note, regarding }: EventNote, name: string, uid: string, at: Date): unknown {
    const { apiVersion, kind, namespace } = regarding
    return {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name, namespace: namespace || CLUSTER_NAMESPACE },
      eventTime: microTime(at),
      type,
      reason,
      action,
      note: note.length <= MAX_NOTE ? note : `${note.slice(0, MAX_NOTE - 3)}...`,
      regarding: { apiVersion, kind, name: regarding.name, ...(namespace && { namespace }), ...(uid && { uid }) },
      reportingController: CONTROLLER,
      reportingInstance: this.#nodeName.slice(0, 128),
    }
  }

  /** As client-go names them: the object's name and a number that no other Event about it has. */
  #newName({ name }: EventSubject, at: Date): string {
    this.#lastId = Math.max(this.#lastId + 1, at.getTime() * 1000)
    const suffix = `.${this.#lastId.toString(16)}.${process.pid.toString(16)}`
    return `${name.slice(0, MAX_NAME - suffix.length).toLowerCase()}${suffix}`
  }

  #request(path: string, query: Readonly<Record<string, string>> = {}) {
    const limits = { answerMs: PATIENCE_MS, idleMs: PATIENCE_MS, deadlineMs: PATIENCE_MS }
    return { path, query, signal: this.#closing.signal, ...limits }
  }
}

function collection({ namespace }: EventSubject): string {
  return `/apis/events.k8s.io/v1/namespaces/${namespace || CLUSTER_NAMESPACE}/events`
}

/** metav1.MicroTime. */
function microTime(at: Date): string {
  return at.toISOString().replace('Z', '000Z')
}
