import { closeSync, openSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { parentPort } from 'node:worker_threads'
import { LabError } from '../error.ts'
import { setns } from '../libc.ts'
import { cancelAttempts } from './attempt.ts'
import { openConnection, type RunningConnection } from './connection.ts'
import { type RunningLoad, startLoad } from './load.ts'
import type { CallMessage, Methods, ReplyMessage } from './protocol.ts'
import { request, requests, serve } from './request.ts'
import type { RunningServer } from './server.ts'

// A thread that lives in one network namespace at a time and opens sockets there on behalf of the main thread.

const home = openSync('/proc/thread-self/ns/net', 'r')
const running = new Map<number, RunningServer | RunningConnection | RunningLoad>()
let lastId = 0

function keep(thing: RunningServer | RunningConnection | RunningLoad): number {
  running.set(++lastId, thing)
  return lastId
}

function find(id: number, method: string) {
  const thing = running.get(id)
  if (!thing || !(method in thing)) throw new LabError('CLOSED', 'it is closed already')
  return thing
}

const methods: Methods = {
  enter(path) {
    const fd = openSync(path, 'r')
    setns(fd)
    closeSync(fd)
    cancelAttempts(false)
  },
  async leave() {
    const things = [...running.values()]
    running.clear()
    // Before the thread is home again: nothing may be sent there.
    cancelAttempts(true)
    await Promise.all(things.map((thing) => thing.close()))
    await setImmediate() // lets the calls that have been cancelled reply first
    setns(home)
  },
  async serve(spec) {
    const server = await serve(spec)
    return { id: keep(server), port: server.port }
  },
  request,
  requests,
  async connect(spec) {
    const connection = await openConnection(spec)
    return { id: keep(connection), greeting: connection.greeting }
  },
  echo: ({ id, text, timeoutMs }) => (find(id, 'echo') as RunningConnection).echo(text, timeoutMs),
  load: (spec) => ({ id: keep(startLoad(spec)) }),
  loadReport: (id) => (find(id, 'report') as RunningLoad).report(),
  async stopLoad(id) {
    const load = find(id, 'report') as RunningLoad
    await load.close()
    running.delete(id)
    return load.report()
  },
  async end(id) {
    const thing = running.get(id)
    await thing?.close()
    running.delete(id)
  },
}

async function handle({ id, method, param }: CallMessage): Promise<ReplyMessage> {
  try {
    return { id, result: await (methods[method] as (param: unknown) => unknown)(param) }
  } catch (error) {
    const { message, code, errno } = error as Error & { code?: string; errno?: unknown }
    return { id, failure: { message, errno: typeof errno === 'string' ? errno : code } }
  }
}

parentPort?.on('message', (message: CallMessage) => {
  void handle(message).then((reply) => parentPort?.postMessage(reply))
})
