import { parseAllDocuments } from 'yaml'
import { render } from '../../scripts/manifests.ts'

/** As much of a container as the tests look at. */
export interface Container {
  readonly name: string
  readonly image: string
  readonly args: readonly string[]
  readonly env: readonly { readonly name: string }[]
  readonly envFrom?: readonly { readonly configMapRef: { readonly name: string } }[]
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[]
  readonly securityContext: Readonly<Record<string, unknown>>
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[]
}

export interface PodSpec {
  readonly hostNetwork: boolean
  readonly initContainers?: readonly Container[]
  readonly containers: readonly [Container]
  readonly volumes: readonly { readonly name: string }[]
}

interface KubernetesObject {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

interface ConfigMap extends KubernetesObject {
  readonly data: Readonly<Record<string, string>>
}

interface DaemonSet extends KubernetesObject {
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly annotations?: Readonly<Record<string, string>> }
      readonly spec: PodSpec
    }
  }
}

/** An overlay of deploy/, rendered. */
export class Overlay {
  readonly objects: readonly KubernetesObject[]

  constructor(name: string) {
    this.objects = parseAllDocuments(render(name)).map((document) => document.toJS() as KubernetesObject)
  }

  get template(): DaemonSet['spec']['template'] {
    return (this.#only('DaemonSet') as DaemonSet).spec.template
  }

  get pod(): PodSpec {
    return this.template.spec
  }

  /** The agent. */
  get agent(): Container {
    return this.pod.containers[0]
  }

  /** The agent, and what comes before it. */
  get containers(): readonly Container[] {
    return [...(this.pod.initContainers ?? []), ...this.pod.containers]
  }

  /** What the ConfigMap says; empty without one. */
  get data(): Readonly<Record<string, string>> {
    return this.objects.some(({ kind }) => kind === 'ConfigMap') ? (this.#only('ConfigMap') as ConfigMap).data : {}
  }

  /** The arguments with the values that kubelet puts in for names, on a node called `node-1`. */
  args(container: Container): string[] {
    const values: Record<string, string> = { ...(container.envFrom === undefined ? {} : this.data) }
    for (const { name } of container.env) values[name] = 'node-1'
    return container.args.map((argument) =>
      argument.replaceAll(/\$\((\w+)\)/g, (_, name: string) => {
        const value = values[name]
        if (value === undefined) throw new Error(`${container.name} has no ${name} in its environment`)
        return value
      }),
    )
  }

  #only(kind: string): KubernetesObject {
    const [object, ...more] = this.objects.filter((candidate) => candidate.kind === kind)
    if (object === undefined || more.length > 0) throw new Error(`there must be one ${kind}`)
    return object
  }
}
