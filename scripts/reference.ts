// Writes docs/reference/cli.md, kube-proxy-configuration.md and metrics.md from the tables that Sluice itself is made of. A test
// compares them.
import { writeFileSync } from 'node:fs'
import { COMMANDS, type CommandSpec } from '../src/cli/commands.ts'
import { OPTIONS, type OptionGroup } from '../src/cli/options.ts'
import { kubeProxyReference } from './reference/kube-proxy.ts'
import { metricsReference } from './reference/metrics.ts'

/** The page about the command line. */
function cliReference(): string {
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
  const own = command.options.filter((group) => group !== 'kube-proxy')
  const ofKubeProxy = own.length === command.options.length ? [] : kubeProxyFlags()
  return [
    `## \`sluice ${command.words.join(' ')}\``,
    '',
    `${capital(command.summary)}.`,
    '',
    ...optionTable(own),
    ...ofKubeProxy,
  ].join('\n')
}

function kubeProxyFlags(): string[] {
  return [
    '### Flags of kube-proxy',
    '',
    'They mean what they mean there; [kube-proxy-configuration.md](kube-proxy-configuration.md) has the rules.',
    '',
    ...optionTable(['kube-proxy']),
  ]
}

function optionTable(groups: readonly OptionGroup[]): string[] {
  const options = groups.flatMap((group) => OPTIONS[group]()).filter((option) => !option.hidden)
  const rows = options.map((option) => {
    const fallback = option.defaultValue as string | undefined
    const choices = option.argChoices === undefined ? '' : ` (${option.argChoices.join(', ')})`
    return `| \`${option.flags}\` | ${option.description}${choices} | ${fallback === undefined ? '' : `\`${fallback}\``} |`
  })
  return rows.length === 0 ? [] : ['| option | meaning | default |', '|---|---|---|', ...rows, '']
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** Each page that is written from code, by its name in docs/reference. */
export const REFERENCE_PAGES: Readonly<Record<string, () => string>> = {
  'cli.md': cliReference,
  'kube-proxy-configuration.md': kubeProxyReference,
  'metrics.md': metricsReference,
}

if (import.meta.main) {
  for (const [name, text] of Object.entries(REFERENCE_PAGES)) {
    writeFileSync(new URL(`../docs/reference/${name}`, import.meta.url), text())
  }
}
