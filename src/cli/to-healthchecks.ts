import type { IpAddress } from '../model/ip.ts'
import { SinkRunner } from '../sink/runner.ts'
import type { Sink } from '../sink/sink.ts'
import { AgentHealth } from './agent-health.ts'
import { HEALTHZ_PORT } from './agent-options.ts'
import { bindAddress } from './bind-address.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { listenAddresses } from './listen-addresses.ts'
import type { RawOptions } from './options.ts'
import { aborted, type InstanceStatus, openLog, runInstance } from './run-instance.ts'
import { type AgentFeed, logListeners, type SourceListeners } from './to-nft.ts'

/** Serves the health-check node ports of this node's Services, and nothing else of them. @throws UsageError, ControlError */
export async function toHealthchecks(
  raw: RawOptions,
  nodeName: string,
  open: (listeners: SourceListeners) => AgentFeed,
): Promise<ExitCode> {
  const healthzAddress = bindAddress('--healthz-bind-address', raw.healthzBindAddress ?? '', HEALTHZ_PORT)
  const addresses = listenAddresses(raw.ip)
  const log = openLog(raw)
  const opened = open(logListeners(log))
  const { source, state } = opened
  const health = new AgentHealth({ healthzAddress, bindAddressHardFail: raw.bindAddressHardFail ?? false, log })
  const runner = new SinkRunner(state, [healthSink(health, () => addresses.current())])
  try {
    await runInstance(
      raw,
      () => ({ ...statusOf(opened, runner, health), nodeName }),
      async (stopping) => {
        await health.start()
        addresses.follow((present) => health.listen(present))
        void aborted(stopping).then(async () => Promise.all([state.close(), source.close()]))
        await Promise.all([runner.run(), source.start()])
      },
    )
  } finally {
    addresses.close()
    await Promise.all([state.close(), source.close(), health.close()])
  }
  return EXIT.ok
}

function healthSink(health: AgentHealth, addresses: () => readonly IpAddress[]): Sink {
  return {
    name: 'healthchecks',
    apply({ services, node }) {
      health.queued()
      if (node !== undefined) health.setNode(node)
      for (const [key, local] of services) health.stage(key, local)
      health.applied([], addresses())
    },
  }
}

function statusOf({ source, state }: AgentFeed, runner: SinkRunner, health: AgentHealth): InstanceStatus {
  const [sink] = runner.health()
  return {
    state: sink?.isInLine === true ? 'serving' : 'loading',
    plane: 'healthchecks',
    revision: state.revision,
    servedRevision: sink?.revision ?? 0,
    counts: state.objects,
    problems: [...source.problems(), ...health.problems()],
  }
}
