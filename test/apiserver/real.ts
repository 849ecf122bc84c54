import { type ChildProcess, execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { until } from '../lab/index.ts'
import { spawnBound } from '../lab/processes.ts'
import type { Manifest } from '../sluice/manifests.ts'

const run = promisify(execFile)

const PROGRAMS = ['etcd', 'etcdctl', 'kube-apiserver'] as const
const READY_MS = 90_000
/** Of the cluster IPs that it gives, and so of those that a Service may ask for. */
const SERVICE_RANGE = '10.96.0.0/16'

/** Why no real API server can be run here; undefined when one can. */
export function reasonWithoutReal(folder = process.env['KUBEBUILDER_ASSETS']): string | undefined {
  if (folder === undefined || folder === '') return 'KUBEBUILDER_ASSETS names no folder with etcd and kube-apiserver'
  const missing = PROGRAMS.filter((name) => !existsSync(path.join(folder, name)))
  return missing.length === 0 ? undefined : `KUBEBUILDER_ASSETS has no ${missing.join(' and no ')}`
}

/** What the API server says to a request. */
export interface RealAnswer {
  readonly status: number
  readonly body: Manifest
}

/** etcd and kube-apiserver on loopback, as `envtest` starts them. */
export class RealApiServer {
  readonly url: string
  /** The server's certificate, which is its own authority. PEM. */
  readonly ca: Buffer
  /** The administrator's. */
  readonly token = randomBytes(16).toString('hex')
  readonly #assets: string
  readonly #folder: string
  readonly #ports: { readonly etcd: number; readonly peer: number; readonly api: number }
  #etcd: ChildProcess | undefined
  #server: ChildProcess | undefined
  #log = ''

  private constructor(assets: string, folder: string, ports: readonly [number, number, number]) {
    this.#assets = assets
    this.#folder = folder
    this.#ports = { etcd: ports[0], peer: ports[1], api: ports[2] }
    this.url = `https://127.0.0.1:${this.#ports.api}`
    this.ca = readFileSync(path.join(folder, 'server.crt'))
    writeFileSync(path.join(folder, 'tokens.csv'), `${this.token},admin,admin,system:masters\n`)
  }

  /** @throws Error when it cannot be started, with what it printed. */
  static async start(assets = process.env['KUBEBUILDER_ASSETS'] ?? ''): Promise<RealApiServer> {
    const folder = mkdtempSync(path.join(tmpdir(), 'sluice-real-'))
    await makeKeys(folder)
    const real = new RealApiServer(assets, folder, [await freePort(), await freePort(), await freePort()])
    try {
      real.#startEtcd()
      await real.startServer()
      return real
    } catch (error) {
      await real.dispose()
      throw error
    }
  }

  /** Ends kube-apiserver; etcd keeps the state. */
  async stopServer(): Promise<void> {
    await ended(this.#server, 'SIGKILL')
    this.#server = undefined
  }

  /** Starts kube-apiserver again, without anything in its memory of the time before. */
  async startServer(): Promise<void> {
    const file = (name: string) => path.join(this.#folder, name)
    this.#server = this.#spawn('kube-apiserver', [
      `--etcd-servers=http://127.0.0.1:${this.#ports.etcd}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${this.#ports.api}`,
      `--tls-cert-file=${file('server.crt')}`,
      `--tls-private-key-file=${file('server.key')}`,
      `--cert-dir=${this.#folder}`,
      '--authorization-mode=RBAC',
      `--token-auth-file=${file('tokens.csv')}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${file('accounts.key')}`,
      `--service-account-signing-key-file=${file('accounts.key')}`,
      `--service-cluster-ip-range=${SERVICE_RANGE}`,
      // No controllers run here that would make the default ones.
      '--disable-admission-plugins=ServiceAccount',
      '--endpoint-reconciler-type=none',
      '--allow-privileged=true',
    ])
    const isReady = async () => {
      if (this.#server?.exitCode !== null) throw new Error(`kube-apiserver ended:\n${this.#log}`)
      const answer = await this.request('GET', '/readyz').catch(() => undefined)
      return answer?.status === 200
    }
    await until(isReady, { timeoutMs: READY_MS, everyMs: 100, what: 'kube-apiserver' })
  }

  /** As the administrator. An answer of whatever status is no error. */
  async request(
    method: string,
    pathname: string,
    body?: Manifest,
    contentType = 'application/json',
  ): Promise<RealAnswer> {
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${this.token}`, 'content-type': contentType }
      https
        .request(this.url + pathname, { method, headers, ca: this.ca, agent: false }, (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (part: string) => {
            text += part
          })
          response.on('error', reject).on('end', () => {
            resolve({ status: response.statusCode ?? 0, body: bodyOf(text) })
          })
        })
        .on('error', reject)
        .end(body === undefined ? undefined : JSON.stringify(body))
    })
  }

  /** As the administrator. @throws Error when the API server does not do it. */
  async must(method: string, pathname: string, body?: Manifest, contentType?: string): Promise<Manifest> {
    const answer = await this.request(method, pathname, body, contentType)
    if (answer.status >= 200 && answer.status < 300) return answer.body
    throw new Error(`${method} ${pathname}: ${answer.status} ${JSON.stringify(answer.body)}`)
  }

  /** A token of a service account, as a pod gets it. */
  async tokenOf(namespace: string, account: string): Promise<string> {
    const place = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }
    const { status } = (await this.must('POST', place, request)) as { status?: { token?: string } }
    if (status?.token === undefined) throw new Error(`${account} got no token`)
    return status.token
  }

  /** etcd forgets what was before the present revision, and so does who reads from it anew. */
  async compact(): Promise<void> {
    const etcdctl = path.join(this.#assets, 'etcdctl')
    const endpoint = `--endpoints=http://127.0.0.1:${this.#ports.etcd}`
    const env = { ...process.env, ETCDCTL_API: '3' }
    const { stdout } = await run(etcdctl, [endpoint, 'get', '/', '--limit=1', '--write-out=json'], { env })
    const { header } = JSON.parse(stdout) as { header: { revision: number } }
    await run(etcdctl, [endpoint, 'compact', String(header.revision)], { env })
  }

  async dispose(): Promise<void> {
    await this.stopServer()
    await ended(this.#etcd, 'SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #startEtcd(): void {
    const [client, peer] = [`http://127.0.0.1:${this.#ports.etcd}`, `http://127.0.0.1:${this.#ports.peer}`]
    this.#etcd = this.#spawn('etcd', [
      `--data-dir=${path.join(this.#folder, 'etcd')}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      '--unsafe-no-fsync',
      '--log-level=error',
    ])
  }

  #spawn(program: string, args: string[]): ChildProcess {
    const child = spawnBound(path.join(this.#assets, program), args, { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#log = (this.#log + chunk.toString()).slice(-4000)
      })
    }
    return child
  }
}

function bodyOf(text: string): Manifest {
  try {
    return JSON.parse(text) as Manifest
  } catch {
    return { text }
  }
}

/** The server's certificate for 127.0.0.1, and a key that service accounts' tokens are signed with. */
async function makeKeys(folder: string): Promise<void> {
  const file = (name: string) => path.join(folder, name)
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const subject = ['-subj', '/CN=kubernetes', '-addext', 'subjectAltName=IP:127.0.0.1']
  await run('openssl', ['req', ...kind, ...subject, '-keyout', file('server.key'), '-out', file('server.crt')])
  await run('openssl', ['genrsa', '-out', file('accounts.key'), '2048'])
}

async function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}

async function ended(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const end = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  await end
}
