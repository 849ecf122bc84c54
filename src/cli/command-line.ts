import { Command, CommanderError, type Option } from 'commander'
import { COMMANDS, type CommandSpec } from './commands.ts'
import { UsageError } from './failure.ts'
import type { GivenFlags } from './given-flags.ts'
import { OPTIONS, type RawOptions } from './options.ts'

/** What the command line asks for. */
export type Invocation =
  | { readonly kind: 'run'; readonly words: string; readonly options: RawOptions; readonly given: GivenFlags }
  | { readonly kind: 'help'; readonly text: string }

/** Reads the arguments behind `sluice`. @throws UsageError */
export function parseCommandLine(args: readonly string[]): Invocation {
  if (args.some((arg) => /^--version(=(true|raw))?$/.test(arg))) {
    return { kind: 'run', words: 'version', options: { instance: '', runDir: '' }, given: new Map() }
  }
  const { words, flags } = splitWords(args.map(withDashes))
  const wantsHelp = flags.some((flag) => flag === '--help' || flag === '-h') || words[0] === 'help'
  const path = words[0] === 'help' ? words.slice(1) : words
  const command = COMMANDS.find((spec) => spec.words.join(' ') === path.join(' '))
  if (command === undefined) {
    if (wantsHelp || args.length === 0) return { kind: 'help', text: overview(path) }
    throw new UsageError(unknownCommand(path))
  }
  const parser = commanderOf(command)
  if (wantsHelp) return { kind: 'help', text: parser.helpInformation() }
  return { kind: 'run', words: command.words.join(' '), ...parseFlags(parser, flags) }
}

/** As for kube-proxy, `--log_dir` is `--log-dir`. */
function withDashes(arg: string): string {
  return arg.replace(/^--[^=]+/, (name) => name.replaceAll('_', '-'))
}

/** The list of commands; those that begin with the given words. */
function overview(path: readonly string[]): string {
  const commands = COMMANDS.filter((spec) => path.every((word, index) => spec.words[index] === word))
  if (commands.length === 0) throw new UsageError(unknownCommand(path))
  const rows = commands.map((spec) => `  sluice ${spec.words.join(' ').padEnd(24)} ${spec.summary}`)
  return [
    'Usage: sluice COMMAND [OPTIONS]',
    '',
    'Commands:',
    ...rows,
    '',
    'sluice COMMAND --help tells the options.',
    '',
  ].join('\n')
}

function unknownCommand(path: readonly string[]): string {
  const known = COMMANDS.map((spec) => `"${spec.words.join(' ')}"`).join(', ')
  const given = path.length === 0 ? 'no command was given' : `"${path.join(' ')}" is no command`
  return `${given}; there are ${known}`
}

/** Separates the command's words from options and their values, wherever they stand. */
function splitWords(args: readonly string[]): { words: string[]; flags: string[] } {
  const takesValue = new Set<string>()
  for (const options of Object.values(OPTIONS)) {
    for (const option of options()) {
      if (option.required) for (const flag of [option.short, option.long]) if (flag) takesValue.add(flag)
    }
  }
  const words: string[] = []
  const flags: string[] = []
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? ''
    if (!arg.startsWith('-') || arg === '-') {
      words.push(arg)
      continue
    }
    flags.push(arg)
    const value = args[i + 1]
    if (takesValue.has(arg) && value !== undefined) {
      flags.push(value)
      i++
    }
  }
  return { words, flags }
}

function commanderOf(spec: CommandSpec): Command {
  const command = new Command(`sluice ${spec.words.join(' ')}`)
  command.description(spec.summary).exitOverride().allowExcessArguments(false)
  command.configureOutput({ writeErr: () => {}, writeOut: () => {} })
  const options: Option[] = spec.options.flatMap((group) => OPTIONS[group]())
  for (const option of options) command.addOption(option)
  return command
}

function parseFlags(command: Command, flags: readonly string[]): { options: RawOptions; given: GivenFlags } {
  try {
    command.parse(flags, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) {
      throw new UsageError(`${error.message.replace(/^error: /, '')} (see ${command.name()} --help)`)
    }
    throw error
  }
  return { options: command.opts<RawOptions>(), given: givenFlags(command) }
}

function givenFlags(command: Command): GivenFlags {
  const given = new Map<string, string | boolean | readonly string[]>()
  for (const option of command.options) {
    const name = option.attributeName()
    const value = command.getOptionValue(name) as string | boolean | readonly string[] | undefined
    if (command.getOptionValueSource(name) === 'cli' && value !== undefined) given.set(option.name(), value)
  }
  return given
}
