import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { Agent } from './agent/agent.ts'
import type { ConnectSpec, LoadSpec, RequestSpec, RequestsSpec, Result, ServeSpec } from './agent/protocol.ts'
import { until } from './clock.ts'
import { LabError } from './error.ts'
import { Connection, Load, Server } from './handles.ts'
import type { Holder } from './holder.ts'
import { interfaceUp } from './libc.ts'
import { inNetns } from './netns.ts'
import { collect, type ExecOptions, type ExecResult, kill, spawnBound } from './processes.ts'
import { writeLabSysctls, writeSysctl } from './sysctls.ts'

/** How to make a namespace. */
export interface NamespaceOptions {
  /** Whether it forwards packets of both families. */
  forward?: boolean
}

/** An anonymous network namespace, held by a process of its own that dies with ours. */
export class Namespace {
  readonly name: string
  /** The process that holds the namespace; `nsenter -t PID -n` gets there from a shell. */
  readonly pid: number
  /** The namespace's file, for setns. */
  readonly path: string
  readonly #holder: Holder
  readonly #fd: number
  readonly #children = new Set<ChildProcess>()
  #agent: Promise<Agent> | undefined
  #interfaces = 0
  #closing: Promise<void> | undefined

  /** Not for callers: use `Lab.namespace` and its kin. */
  constructor(name: string, holder: Holder, options: NamespaceOptions = {}) {
    this.name = name
    this.#holder = holder
    this.pid = holder.pid
    this.path = `/proc/${this.pid}/ns/net`
    this.#fd = openSync(this.path, 'r')
    this.inNamespace(() => {
      writeLabSysctls({ forward: options.forward ?? false })
      interfaceUp('lo')
    })
  }

  /**
   * Runs `fn` with the calling thread inside the namespace. Sockets opened and processes started by `fn` stay there.
   * `fn` must be synchronous.
   */
  inNamespace<T>(fn: () => T): T {
    if (this.#closing) throw new LabError('CLOSED', `namespace ${this.name} is closed`)
    return inNetns(this.#fd, fn)
  }

  /** Runs a command in the namespace; throws a LabError when it fails, unless `allowFailure`. */
  exec(command: string, args: string[] = [], options: ExecOptions = {}): Promise<ExecResult> {
    const { env, cwd } = options
    const child = this.spawn(command, args, { ...(env && { env }), ...(cwd && { cwd }) })
    return collect(child, `${command} ${args.join(' ')} in ${this.name}`, options)
  }

  /** Starts a command in the namespace. It is killed when the namespace closes or our process dies. */
  spawn(command: string, args: string[] = [], options: SpawnOptions = {}): ChildProcess {
    const child = this.inNamespace(() => spawnBound(command, args, options))
    this.#children.add(child)
    child.once('exit', () => this.#children.delete(child))
    return child
  }

  /** Runs lines such as `addr add 10.0.0.1/24 dev eth0` through one `ip -batch`. */
  async ip(...lines: string[]): Promise<void> {
    if (lines.length === 0) return
    const child = this.inNamespace(() => spawn('ip', ['-batch', '-']))
    await collect(child, `ip in ${this.name}:\n${lines.join('\n')}\n`, { input: `${lines.join('\n')}\n` })
  }

  /** Writes a sysctl, e.g. `net.ipv4.ip_forward`; names of interfaces with dots need the form with slashes. */
  sysctl(name: string, value: string | number): void {
    this.inNamespace(() => writeSysctl(name, value))
  }

  /** Sends what is for a prefix, e.g. `10.96.0.0/16`, to a next hop. */
  async route(to: string, via: string): Promise<void> {
    await this.ip(`route replace ${to} via ${via}`)
  }

  /** A name for the next interface that links the namespace to a network: eth0, eth1, … */
  nextInterface(): string {
    return `eth${this.#interfaces++}`
  }

  /**
   * Waits until the interface sends. The kernel gets to know that a link has come up a moment later and drops packets
   * until then; it makes the link-local address right after.
   */
  async interfaceReady(name: string): Promise<void> {
    // The flags are the last number: 0x40 would be a tentative address.
    const line = new RegExp(`^fe80\\w*fffe\\w* \\w+ \\w+ \\w+ [0-389ab]\\w +${name}$`, 'm')
    const ready = () => line.test(readFileSync(`/proc/${this.pid}/net/if_inet6`, 'utf8'))
    await until(ready, { everyMs: 1, what: `the link of ${name} in ${this.name}` })
  }

  /** Starts a server. */
  async serve(spec: ServeSpec): Promise<Server> {
    const agent = await this.#enter()
    const { id, port } = await agent.call('serve', spec)
    return new Server(agent, id, port)
  }

  /** Makes one request; what becomes of it is in the result, never an exception. */
  async request(spec: RequestSpec): Promise<Result> {
    return (await this.#enter()).call('request', spec)
  }

  /** Makes many requests of one kind. */
  async requests(spec: RequestsSpec): Promise<Result[]> {
    return (await this.#enter()).call('requests', spec)
  }

  /** Opens a long-lived TCP connection to a lab server. */
  async connect(spec: ConnectSpec): Promise<Connection> {
    const agent = await this.#enter()
    const { id, greeting } = await agent.call('connect', spec)
    return new Connection(agent, id, greeting)
  }

  /** Starts requests at a steady rate in the background. */
  async load(spec: LoadSpec): Promise<Load> {
    const agent = await this.#enter()
    const { id } = await agent.call('load', spec)
    return new Load(agent, id)
  }

  /** Whether the namespace has been closed. */
  get closed(): boolean {
    return this.#closing !== undefined
  }

  /** Closes servers and clients, kills what was started here, and gives the namespace up. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const agent = await this.#agent?.catch(() => undefined)
    await Promise.all([agent?.leave(), ...[...this.#children].map(kill)])
    closeSync(this.#fd)
    await kill(this.#holder.child)
  }

  #enter(): Promise<Agent> {
    if (this.#closing) return Promise.reject(new LabError('CLOSED', `namespace ${this.name} is closed`))
    this.#agent ??= Agent.enter(this.path)
    return this.#agent
  }
}
