import type { StepKind } from './step.ts'

interface NodeStep {
  /** Labels of the Node object; undefined: those of the environment. */
  readonly labels: Readonly<Record<string, string>> | undefined
  /** `InternalIP` addresses of the Node object; undefined: those of the environment. */
  readonly addresses: readonly string[] | undefined
  /** Addresses that the node's interface gets, and those that it loses. */
  readonly add: readonly string[]
  readonly remove: readonly string[]
}

/** Changes the Node object, and the addresses that the node has. */
export const node: StepKind<NodeStep> = {
  read(value) {
    const fields = value.fields(['labels', 'addresses', 'addInterfaceAddresses', 'removeInterfaceAddresses'])
    return {
      labels: fields.labels.optional((labels) => labels.object() as Record<string, string>),
      addresses: fields.addresses.optional((addresses) => addresses.texts()),
      add: fields.addInterfaceAddresses.texts(),
      remove: fields.removeInterfaceAddresses.texts(),
    }
  },
  plan({ add }, plan) {
    for (const address of add) plan.nodeAddress(address)
  },
  async run(context, { labels, addresses, add, remove }) {
    await context.bed.changeAddresses(add, remove)
    await context.apply([context.node(labels, addresses)], [])
  },
}
