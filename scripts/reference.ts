// Writes docs/reference/cli.md and metrics.md from the tables that Sluice itself is made of. A test compares them.
import { writeFileSync } from 'node:fs'
import { COMMANDS, type CommandSpec } from '../src/cli/commands.ts'
import { OPTIONS } from '../src/cli/options.ts'
import { metricsReference } from './reference/metrics.ts'

/** The page's text. */
export function cliReference(): string {
  const sections = COMMANDS.map(commandSection)
  return [
    '# Command line',
    '',
    'Options may stand before, between and behind the words of a command.',
    '',
    ...sections,
  ].join('\n')
}

function commandSection(command: CommandSpec): string {
  const options = command.options.flatMap((group) => OPTIONS[group]()).filter((option) => !option.hidden)
  const rows = options.map((option) => {
    const fallback = option.defaultValue as string | undefined
    const choices = option.argChoices === undefined ? '' : ` (${option.argChoices.join(', ')})`
    return `| \`${option.flags}\` | ${option.description}${choices} | ${fallback === undefined ? '' : `\`${fallback}\``} |`
  })
  const table = rows.length === 0 ? [] : ['| option | meaning | default |', '|---|---|---|', ...rows, '']
  return [`## \`sluice ${command.words.join(' ')}\``, '', `${capital(command.summary)}.`, '', ...table].join('\n')
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

if (import.meta.main) {
  writeFileSync(new URL('../docs/reference/cli.md', import.meta.url), cliReference())
  writeFileSync(new URL('../docs/reference/metrics.md', import.meta.url), metricsReference())
}
