import { enableCompileCache } from 'node:module'
import { Worker } from 'node:worker_threads'
import { LabError } from '../error.ts'
import type { CallMessage, Methods, Param, Reply, ReplyMessage } from './protocol.ts'

interface Waiting {
  resolve: (result: unknown) => void
  reject: (error: LabError) => void
}

// Starting a thread costs more than everything else in a lab together, so threads that have left their namespace wait
// for the next lab of this process. They are in the process's own namespace then, hold no socket and keep nothing alive.
const idle: Agent[] = []
const mostIdle = 16

/** The main thread's side of a thread that makes servers and requests in one namespace. */
export class Agent {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #gone = false

  private constructor() {
    // Else every thread would strip the types from the same files again, which doubles the time it takes to start.
    enableCompileCache()
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), { execArgv: [], name: 'lab agent' })
    this.#worker.unref()
    this.#worker.on('message', (reply: ReplyMessage) => this.#settle(reply))
    this.#worker.on('error', (error) => this.#fail(`the agent failed: ${(error as Error).message}`))
    this.#worker.on('exit', () => this.#fail('the agent is gone'))
  }

  /** An agent in the namespace behind a path. */
  static async enter(path: string): Promise<Agent> {
    const agent = idle.pop() ?? new Agent()
    await agent.call('enter', path)
    return agent
  }

  /** Calls a method in the thread. The thread keeps the process alive only while a call is under way. */
  call<M extends keyof Methods>(method: M, param: Param<M>): Promise<Reply<M>> {
    return new Promise<unknown>((resolve, reject) => {
      if (this.#gone) return reject(new LabError('CLOSED', 'the agent is gone'))
      const message: CallMessage = { id: ++this.#lastId, method, param }
      this.#waiting.set(message.id, { resolve, reject })
      this.#worker.ref()
      this.#worker.postMessage(message)
    }) as Promise<Reply<M>>
  }

  /** Closes everything the agent has open and takes it out of its namespace. Calls under way fail. */
  async leave(): Promise<void> {
    if (this.#gone) return
    const interrupted = this.#waiting.size > 0
    // Also before terminating: raw sockets are closed by nobody else, and would keep the namespace in being.
    const left = await this.call('leave', undefined).then(
      () => true,
      () => false,
    )
    if (left && !interrupted && idle.length < mostIdle) {
      idle.push(this)
      return
    }
    this.#fail('the namespace is closed')
    await this.#worker.terminate()
  }

  #settle(reply: ReplyMessage): void {
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if (this.#waiting.size === 0) this.#worker.unref()
    if ('result' in reply) waiting?.resolve(reply.result)
    else waiting?.reject(new LabError('AGENT', reply.failure.message, { errno: reply.failure.errno }))
  }

  #fail(reason: string): void {
    this.#gone = true
    for (const { reject } of this.#waiting.values()) reject(new LabError('AGENT', reason))
    this.#waiting.clear()
    const index = idle.indexOf(this)
    if (index >= 0) idle.splice(index, 1)
  }
}
