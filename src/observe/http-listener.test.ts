import { createServer, request } from 'node:http'
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { addressText, closeServer, type HttpListener, listenHttp, openServer } from './http-listener.ts'

const open: HttpListener[] = []

afterEach(async () => {
  for (const listener of open.splice(0)) await listener.close()
})

const echo = ({ method, path }: { method: string; path: string }) => ({
  status: 200,
  headers: { 'X-Seen': `${method} ${path}` },
  body: 'ü\n',
})

async function listen(host = '127.0.0.1', port = 0): Promise<HttpListener> {
  const listener = await listenHttp({ host, port }, echo)
  open.push(listener)
  return listener
}

async function ask(
  port: number,
  method: string,
  path: string,
): Promise<{ status: number | undefined; headers: object; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, method, path, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk
      })
      response.on('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, body })
      })
    })
    outgoing.on('error', reject).end()
  })
}

test.each([
  ['GET', 'ü\n'],
  ['POST', 'ü\n'],
  ['PUT', 'ü\n'],
  ['OPTIONS', 'ü\n'],
  ['HEAD', ''],
])('%s is answered, with the path without its query', async (method, body) => {
  const { port } = await listen()
  const answer = await ask(port, method, '/some/path?with=query')
  expect(answer.headers).toMatchObject({ 'x-seen': `${method} /some/path`, 'content-length': '3' })
  expect(answer.body).toBe(body)
})

test.each([
  [
    'at once',
    () => {
      throw new Error('no body')
    },
  ],
  ['later', async () => Promise.reject(new Error('no body'))],
])('an answer that fails %s has the status 500, and says why', async (_, answer) => {
  const listener = await listenHttp({ host: '127.0.0.1', port: 0 }, answer)
  open.push(listener)
  const { status, body } = await ask(listener.port, 'GET', '/')
  expect([status, body]).toEqual([500, 'no body\n'])
})

test('what is not HTTP does no harm', async () => {
  const { port } = await listen()
  const socket = connect(port, '127.0.0.1', () => socket.write('\0\0 no HTTP\r\n\r\n'))
  const received = await new Promise<string>((resolve) => socket.on('data', (data) => resolve(data.toString())))
  expect(received).toMatch(/^HTTP\/1.1 400/)
  expect((await ask(port, 'GET', '/')).body).toBe('ü\n')
})

test('a connection that cannot be accepted does not end the process', async () => {
  const server = createServer()
  await openServer(server, { host: '127.0.0.1', port: 0 })
  // As net.Server does when accept() fails, for example with EMFILE; without a listener this would throw.
  expect(server.emit('error', new Error('accept EMFILE'))).toBe(true)
  await closeServer(server)
})

test('a port that is taken is named', async () => {
  const { port } = await listen()
  await expect(listen('127.0.0.1', port)).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    errno: 'EADDRINUSE',
    message: `cannot listen on 127.0.0.1:${port}: the port is in use`,
  })
})

test('an address of another host is named', async () => {
  await expect(listen('192.0.2.1')).rejects.toMatchObject({ errno: 'EADDRNOTAVAIL' })
})

test('closing ends connections, and frees the port at once', async () => {
  const listener = await listen()
  const socket = connect(listener.port, '127.0.0.1')
  await new Promise((resolve) => socket.once('connect', resolve))
  const ended = new Promise((resolve) => socket.once('close', resolve))
  socket.resume()
  await listener.close()
  await ended
  expect((await listen('127.0.0.1', listener.port)).port).toBe(listener.port)
})

test.each([
  [{ host: '', port: 1 }, '*:1'],
  [{ host: '10.0.0.1', port: 2 }, '10.0.0.1:2'],
  [{ host: 'fd00::1', port: 3 }, '[fd00::1]:3'],
])('%j is %s', (address, text) => {
  expect(addressText(address)).toBe(text)
})
