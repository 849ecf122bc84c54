import type { Agent } from './agent/agent.ts'
import type { Answer, LoadReport } from './agent/protocol.ts'

/** A server running in a namespace. */
export class Server {
  readonly port: number
  readonly #agent: Agent
  readonly #id: number

  constructor(agent: Agent, id: number, port: number) {
    this.#agent = agent
    this.#id = id
    this.port = port
  }

  /** Stops listening and resets the connections that are open. */
  async close(): Promise<void> {
    await this.#agent.call('end', this.#id)
  }
}

/** A long-lived TCP connection from a namespace to a lab server. */
export class Connection {
  /** What the server said on connecting. */
  readonly greeting: Answer
  readonly #agent: Agent
  readonly #id: number

  constructor(agent: Agent, id: number, greeting: Answer) {
    this.#agent = agent
    this.#id = id
    this.greeting = greeting
  }

  /** Sends a line and resolves with what comes back; throws a LabError when the connection breaks or is too slow. */
  echo(text: string, options: { timeoutMs?: number } = {}): Promise<string> {
    return this.#agent.call('echo', { id: this.#id, text, timeoutMs: options.timeoutMs ?? 1000 })
  }

  async close(): Promise<void> {
    await this.#agent.call('end', this.#id)
  }
}

/** Requests at a steady rate, in the background. */
export class Load {
  readonly #agent: Agent
  readonly #id: number

  constructor(agent: Agent, id: number) {
    this.#agent = agent
    this.#id = id
  }

  /** What came of it so far. */
  report(): Promise<LoadReport> {
    return this.#agent.call('loadReport', this.#id)
  }

  /** Sends no more, waits for the requests under way and says what came of all. */
  async stop(): Promise<LoadReport> {
    return this.#agent.call('stopLoad', this.#id)
  }
}
