/** What the lab's servers and clients speak. 'http' is HTTP/1.1 with a fresh connection for every request. */
export type Protocol = 'tcp' | 'udp' | 'http' | 'sctp'

/** A server to start. */
export interface ServeSpec {
  protocol: Protocol
  port: number
  /** What the server calls itself in its answers. */
  name: string
  /** Without it: every local address, of both families; for UDP and SCTP those that exist when it starts. */
  address?: string
}

/** A request to make. */
export interface RequestSpec {
  protocol: Protocol
  address: string
  port: number
  /**
   * 2000 unless told. Not below 1100 where TCP over IPv6 may be refused by an ICMP error: without any latency that
   * arrives while connect() still holds the socket, is dropped by the kernel, and comes again after SYN's first second.
   */
  timeoutMs?: number
  sourceAddress?: string
  sourcePort?: number
  /** UDP and HTTP only: size of the payload sent. */
  bytes?: number
}

/** Many requests of one kind. */
export interface RequestsSpec extends RequestSpec {
  count: number
  /** How many are under way at once; 1 unless told. */
  concurrency?: number
}

/** A server's answer: who it is and what it saw. */
export interface Answer {
  name: string
  /** Source address and port as the server saw them. */
  client: string
  clientPort: number
  /** Destination address and port as the server saw them. */
  local: string
  localPort: number
  /** UDP and HTTP only: size of the payload received; HTTP leaves it out when there was none. */
  length?: number
}

/** How a request ended. */
export type Outcome =
  | ({ verdict: 'answered' } & Answer)
  | { verdict: 'refused' }
  | { verdict: 'timeout' }
  | { verdict: 'error'; code: string }

/** How a request ended, when it was sent (`now()`) and how long it took. */
export type Result = Outcome & { at: number; ms: number }

/** A long-lived TCP connection to open. */
export type ConnectSpec = Omit<RequestSpec, 'protocol' | 'bytes'>

/** Requests at a steady rate. */
export interface LoadSpec extends RequestSpec {
  perSecond: number
  /** Requests under way at once, at most; what is due meanwhile is sent later. No limit when absent. */
  maxPending?: number
}

/** What came of a load so far. Times are those of `now()`. */
export interface LoadReport {
  sent: number
  /** Requests not answered, each with its verdict and the time it was sent. */
  failures: Exclude<Result, { verdict: 'answered' }>[]
  /** Count of answers by server name. */
  answered: Record<string, number>
  /** When the first answer of each server arrived. */
  firstAnswer: Record<string, number>
  /** When the last answer of each server arrived. */
  lastAnswer: Record<string, number>
}

/** What an agent does on request; one parameter each, so that a call is one message. */
export interface Methods {
  enter(path: string): void
  leave(): Promise<void>
  serve(spec: ServeSpec): Promise<{ id: number; port: number }>
  request(spec: RequestSpec): Promise<Result>
  requests(spec: RequestsSpec): Promise<Result[]>
  connect(spec: ConnectSpec): Promise<{ id: number; greeting: Answer }>
  echo(spec: { id: number; text: string; timeoutMs: number }): Promise<string>
  load(spec: LoadSpec): { id: number }
  loadReport(id: number): LoadReport
  stopLoad(id: number): Promise<LoadReport>
  /** Ends a server or connection. */
  end(id: number): Promise<void>
}

/** A method's parameter. */
export type Param<M extends keyof Methods> = Parameters<Methods[M]>[0]

/** A method's result. */
export type Reply<M extends keyof Methods> = Awaited<ReturnType<Methods[M]>>

/** Main thread to agent. */
export interface CallMessage {
  id: number
  method: keyof Methods
  param: unknown
}

/** Agent to main thread. */
export type ReplyMessage =
  | { id: number; result: unknown }
  | { id: number; failure: { message: string; errno?: string | undefined } }
