import { SLUICE } from '../../sluice/process.ts'
import type { Context } from '../context.ts'
import type { Value } from '../format/value.ts'
import { patternText, type TextPattern, textFaults } from './match.ts'
import type { StepKind } from './step.ts'
import { lookWithin } from './within.ts'

interface Command {
  readonly id: string
  readonly run: readonly string[]
  /** Exit code. */
  readonly code: number
  /** Of standard output and standard error. */
  readonly output: TextPattern
  /** Milliseconds; for output that comes in time. */
  readonly within: number
}

/** Words of a command line that stand for what only the runner knows. */
const PLACEHOLDERS: Readonly<Record<string, (context: Context) => string>> = {
  sluice: () => SLUICE,
  RUN_DIR: (context) => context.instance.runDirectory,
}

function readOutput(contains: Value, lacks: Value): TextPattern {
  return { contains: contains.texts(), lacks: lacks.texts() }
}

/** Runs a command in the node's namespace. */
export const command: StepKind<Command> = {
  read(value, { id }) {
    const fields = value.fields(['id', 'run', 'code', 'contains', 'lacks', 'within'])
    return {
      id: fields.id.optional((text) => text.text()) ?? id,
      run: fields.run.texts(),
      code: fields.code.optional((code) => code.number()) ?? 0,
      output: readOutput(fields.contains, fields.lacks),
      within: fields.within.optional((time) => time.number()) ?? 0,
    }
  },
  run: (context, value) => {
    // Nobody knows what it does.
    context.bed.spoil()
    return runCommand(context, value)
  },
}

async function runCommand(context: Context, { id, run, code, output, within }: Command): Promise<void> {
  const [program = '', ...args] = run.map((word) => PLACEHOLDERS[word]?.(context) ?? word)
  const seen = await lookWithin(within, async () => {
    const ended = await context.bed.node.exec(program, args, { allowFailure: true })
    const text = `${ended.stdout}${ended.stderr}`
    const faults = textFaults(text, output)
    return {
      passed: ended.code === code && faults.length === 0,
      text: `code ${ended.code}, ${faults.join(', ')}\n${text}`,
    }
  })
  const expected = [`code ${code}`, patternText(output)].filter((text) => text !== '').join(', ')
  context.check({ id, name: run.join(' '), passed: seen.passed, expected, seen: seen.text })
}

interface Nft {
  readonly commands: readonly Command[]
}

/** Runs nft commands in the node's namespace one after the other, and then compares the ruleset. */
export const nft: StepKind<Nft> = {
  read(value, { id }) {
    const fields = value.fields(['run', 'contains', 'lacks', 'within'])
    const common = { code: 0, output: { contains: [], lacks: [] }, within: 0 }
    const changes = fields.run
      .texts()
      .map((line, index) => ({ ...common, id: `${id}.${index + 1}`, run: ['nft', line] }))
    const output = readOutput(fields.contains, fields.lacks)
    if (output.contains.length + output.lacks.length === 0) return { commands: changes }
    const within = fields.within.optional((time) => time.number()) ?? 0
    return { commands: [...changes, { ...common, id, run: ['nft', 'list', 'ruleset'], output, within }] }
  },
  async run(context, { commands }) {
    for (const one of commands) await runCommand(context, one)
  },
}
