import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Instance } from './instance.ts'

/** A Kubernetes object as it stands in a manifest. */
export type Manifest = Readonly<Record<string, unknown>>

export interface PortManifest {
  readonly name?: string
  readonly port: number
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP'
  readonly targetPort?: number | string
  readonly nodePort?: number
}

export interface ServiceOptions {
  readonly namespace?: string
  readonly labels?: Readonly<Record<string, string>>
  /** Empty for a Service without cluster IP. */
  readonly clusterIPs: readonly string[]
  readonly ports: readonly PortManifest[]
  readonly type?: string
  readonly externalIPs?: readonly string[]
  readonly ingress?: readonly Manifest[]
  readonly creationTimestamp?: string
  readonly spec?: Manifest
}

export function service(name: string, options: ServiceOptions): Manifest {
  const { namespace = 'default', clusterIPs, ports, type = 'ClusterIP', externalIPs, ingress } = options
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name, labels: options.labels, creationTimestamp: options.creationTimestamp },
    spec: { type, clusterIP: clusterIPs[0], clusterIPs, ports, externalIPs, ...options.spec },
    ...(ingress ? { status: { loadBalancer: { ingress } } } : undefined),
  }
}

export interface EndpointManifest {
  readonly addresses: readonly string[]
  readonly nodeName?: string
  readonly conditions?: Manifest
  readonly hints?: Manifest
}

export interface SliceOptions {
  readonly namespace?: string
  /** Name of the slice; the Service's with the family unless told. */
  readonly name?: string
  readonly ports: readonly { readonly name?: string; readonly port: number; readonly protocol?: string }[]
  /** Addresses, or whole endpoints. */
  readonly endpoints: readonly (string | EndpointManifest)[]
  /** For endpoints given by address only. */
  readonly nodeName?: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** An EndpointSlice; the family is that of its first endpoint. */
export function endpointSlice(serviceName: string, options: SliceOptions): Manifest {
  const { namespace = 'default', nodeName } = options
  const endpoints = options.endpoints.map((endpoint) =>
    typeof endpoint === 'string' ? { addresses: [endpoint], nodeName, conditions: { ready: true } } : endpoint,
  )
  const family = endpoints[0]?.addresses[0]?.includes(':') === true ? 'IPv6' : 'IPv4'
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      namespace,
      name: options.name ?? `${serviceName}-${family.toLowerCase()}`,
      labels: { 'kubernetes.io/service-name': serviceName },
      annotations: options.annotations,
    },
    addressType: family,
    ports: options.ports.map((port) => ({ name: '', protocol: 'TCP', ...port })),
    endpoints,
  }
}

export function nodeObject(
  name: string,
  addresses: readonly string[],
  labels: Readonly<Record<string, string>> = {},
): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) },
  }
}

/** Services `s-0` ... with one port and that many endpoints each, for tests of size. */
export function* manyServices(count: number, endpoints: number): Generator<Manifest> {
  for (let i = 0; i < count; i++) {
    const bytes = `${(i >> 8) & 255}.${i & 255}`
    yield service(`s-${i}`, {
      namespace: 'many',
      clusterIPs: [`10.${100 + (i >> 16)}.${bytes}`],
      ports: [{ name: 'http', port: 80 }],
    })
    yield endpointSlice(`s-${i}`, {
      namespace: 'many',
      ports: [{ name: 'http', port: 8080 }],
      endpoints: Array.from({ length: endpoints }, (_, j) => `10.${200 + j}.${bytes}`),
      nodeName: 'node-2',
    })
  }
}

/** A folder of manifests for `--input`. */
export class ManifestFolder {
  readonly path = mkdtempSync(path.join(tmpdir(), 'sluice-manifests-'))
  readonly #texts = new Map<string, string>()

  /** Writes a file and waits until the instances serve it. The same again changes nothing, and is not waited for. */
  async apply(instances: readonly Instance[], name: string, objects: readonly Manifest[]): Promise<void> {
    if (documents(objects) === (this.#texts.get(name) ?? '')) return
    const before = new Map<Instance, number>()
    for (const instance of instances) before.set(instance, (await instance.status()).revision)
    this.write(name, objects)
    const served = [...before].map(async ([instance, old]) => {
      await instance.waitFor(`${name} served`, ({ revision, servedRevision }) => {
        return revision > old && servedRevision === revision
      })
    })
    await Promise.all(served)
  }

  /** Writes a file beside and moves it into its place, so that no reader sees half of it. */
  write(name: string, objects: readonly Manifest[]): void {
    this.writeText(name, documents(objects))
  }

  writeText(name: string, text: string): void {
    const hidden = path.join(this.path, `.${name}.new`)
    writeFileSync(hidden, text)
    renameSync(hidden, this.file(name))
    this.#texts.set(name, text)
  }

  file(name: string): string {
    return path.join(this.path, name)
  }

  remove(name: string): void {
    rmSync(this.file(name))
    this.#texts.delete(name)
  }

  dispose(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

function documents(objects: readonly Manifest[]): string {
  return objects.map((object) => `---\n${JSON.stringify(object)}\n`).join('')
}
