import { cpus } from 'node:os'
import { ConntrackConnection } from '../kernel/conntrack/connection.ts'
import { SettingFiles } from '../kernel/sysctl/settings.ts'
import type { Logger } from '../observe/log.ts'
import { changeSettings } from '../sinks/conntrack/change-settings.ts'
import { SettingsRecord } from '../sinks/conntrack/settings-record.ts'
import { StaleFlows, type StaleFlowsOptions } from '../sinks/conntrack/stale-flows.ts'
import { type ConntrackOptions, wantedSettings } from '../sinks/conntrack/sysctls.ts'
import type { PlaneChanges, PlaneProblem } from '../virtual-server/data-plane.ts'
import type { AgentFlows } from './agent.ts'
import type { AgentOptions } from './agent-options.ts'
import { failureText } from './failure.ts'
import { within } from './within.ts'

/** How long a sync waits for stale flows to be deleted, so that who is told of it finds them gone. Milliseconds. */
const PATIENCE_MS = 200

/** What an agent does about connection tracking: kernel settings once, and stale UDP flows after each commit. */
export class Conntrack implements AgentFlows {
  readonly #agent: AgentOptions
  readonly #options: ConntrackOptions
  readonly #log: Logger
  readonly #stale: StaleFlows
  #problems: readonly PlaneProblem[] = []
  #isFirst = true

  /** @throws NetlinkError */
  constructor(agent: AgentOptions, options: ConntrackOptions, log: Logger, onCleaned?: StaleFlowsOptions['onCleaned']) {
    this.#agent = agent
    this.#options = options
    this.#log = log
    this.#stale = new StaleFlows({
      onCleaned,
      log: (message, error) => {
        log.warn({ err: error }, message)
      },
    })
  }

  announce(changes: PlaneChanges): void {
    this.#stale.announce(changes)
  }

  async apply(): Promise<void> {
    // Not before the instance has its place, so that a second one which is refused changes nothing.
    if (this.#isFirst && !this.#agent.once) this.#changeSettings()
    this.#isFirst = false
    await this.#stale.apply()
    await this.#settled()
  }

  async check(): Promise<void> {
    this.#stale.check()
    await this.#settled()
  }

  /** A million entries take seconds, and the next changes of the Services do not wait for that. */
  async #settled(): Promise<void> {
    await within(PATIENCE_MS, this.#stale.settled())
  }

  counts(): { staleFlowsDeleted: number } {
    return { staleFlowsDeleted: this.#stale.counts().deleted }
  }

  problems(): readonly PlaneProblem[] {
    return this.#problems
  }

  async close(): Promise<void> {
    await this.#stale.close()
  }

  #changeSettings(): void {
    const failures = initializeConntrack(this.#agent, this.#options)
    for (const error of failures) this.#log.warn({ err: error }, 'a kernel setting is left as it is')
    this.#problems = failures.map((error) => ({ object: 'conntrack', message: failureText(error) }))
  }
}

/** What is not there, as on a node where nobody has tracked a connection yet, has no settings. A failure shows when they are set. */
export async function loadConntrack(): Promise<void> {
  let connection: ConntrackConnection | undefined
  try {
    connection = ConntrackConnection.open()
    await connection.load()
  } catch {
    // Where connection tracking is built in, the settings are there without this.
  } finally {
    connection?.close()
  }
}

/** Changes the kernel's settings, which needs root. @returns what could not be set; the others are */
export function initializeConntrack(
  { runDirectory, instance }: Pick<AgentOptions, 'runDirectory' | 'instance'>,
  options: ConntrackOptions,
): Error[] {
  const wanted = wantedSettings(options, cpus().length)
  return changeSettings(wanted, new SettingFiles(), new SettingsRecord(runDirectory, instance))
}
