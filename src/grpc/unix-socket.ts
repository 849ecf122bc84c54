import { lstatSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { GrpcError } from './error.ts'

/** Owner and group may connect. */
const UMASK = 0o117

/**
 * Removes a socket that a server left behind when it was killed.
 *
 * @throws GrpcError when somebody listens there, or when it is something else than a socket
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket())
    throw new GrpcError('GRPC_LISTEN', `cannot listen on unix://${path}: it is there and no socket`)
  if (await isListenedOn(path)) {
    throw new GrpcError('GRPC_LISTEN', `cannot listen on unix://${path}: another process does`)
  }
  unlinkSync(path)
}

/** Does what makes a socket such that it never is open to everybody, not for a moment. */
export function withSocketMask<T>(make: () => T): T {
  const before = process.umask(UMASK)
  try {
    return make()
  } finally {
    process.umask(before)
  }
}

async function isListenedOn(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT')
    })
  })
}
