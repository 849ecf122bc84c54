import type { EventRecorder } from '../observe/events.ts'
import type { StatusProblem } from '../observe/status.ts'
import { ProblemTeller } from '../sources/problem-teller.ts'
import type { Agent, AgentCompanion } from './agent.ts'
import { problemEvent, startingEvent } from './problem-events.ts'

/** How often problems are looked at: apart from the syncs, which are not to wait for it. Milliseconds. */
const LOOK_MS = 2000

/** Tells the cluster what an agent has problems with, as Kubernetes Events: each problem when it appears. */
export class AgentEvents implements AgentCompanion {
  readonly #recorder: EventRecorder
  readonly #nodeName: string
  #timer: NodeJS.Timeout | undefined

  constructor(recorder: EventRecorder, nodeName: string) {
    this.#recorder = recorder
    this.#nodeName = nodeName
  }

  async start(agent: Pick<Agent, 'problems'>): Promise<void> {
    this.#recorder.record(startingEvent(this.#nodeName))
    const teller = new ProblemTeller<StatusProblem>({ onProblem: (problem) => this.#tell(problem) })
    this.#timer = setInterval(() => {
      teller.tell(agent.problems())
    }, LOOK_MS)
    return Promise.resolve()
  }

  #tell(problem: StatusProblem): void {
    const event = problemEvent(problem, this.#nodeName)
    if (event !== undefined) this.#recorder.record(event)
  }

  problems(): readonly StatusProblem[] {
    return []
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#recorder.close()
  }
}
