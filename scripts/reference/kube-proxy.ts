import { PLACED_FIELDS, type PlacedField } from '../../src/cli/kube-proxy/configuration.ts'
import { FLAGS, type Use } from '../../src/cli/kube-proxy/table.ts'

const INTRODUCTION = `# kube-proxy's configuration

\`sluice kube to-local to-nft\` takes the configuration file and the flags that a kube-proxy has, so that it can stand in its place.

\`\`\`sh
sluice kube to-local to-nft --config /var/lib/kube-proxy/config.conf --hostname-override "$NODE_NAME"
\`\`\`

## The file

\`--config\` names a KubeProxyConfiguration of \`kubeproxy.config.k8s.io/v1alpha1\`, in YAML or JSON, as kubeadm and kind write it.

- A field that is absent, null, or empty where kube-proxy cannot tell empty from absent, has its default.
- Unknown fields and fields that are there twice (the last counts) are passed over, with one warning that names them all.
- A value of a wrong type, or one that kube-proxy would not accept, ends Sluice with code 2 and names each such field, its value, and
  what is accepted. Conntrack timeouts are whole seconds, as in the kernel: between 0 and a second there is none.
- Settings that ask for something and do not apply to Sluice are named in one line of the log at start, with their reasons.

When the file changes, is replaced (as Kubernetes does with a mounted ConfigMap) or is gone, Sluice ends with
[code 7](exit-codes.md), so that whoever supervises it starts it again. The rules stay in the kernel, and traffic goes on. A file that
was only touched has not changed. kube-proxy ends in the same way, with code 1.

## What counts

1. Flags that only Sluice has, such as \`--node-name\`, \`--sync-period\` or \`--log-level\`, if they are given.
2. Flags of kube-proxy that count beside a file there, too: \`--hostname-override\`, \`--logging-format\`, \`--log-flush-frequency\`,
   \`-v\`, \`--vmodule\`, \`--master\`.
3. With \`--config\` the file. All other flags of kube-proxy do not count then, also those that Sluice has under the same name; the line
   at start names them.
4. Without \`--config\` the flags of kube-proxy.
5. Defaults. Those of kube-proxy's file, when there is one; else Sluice's own.

The mode decides which section's \`syncPeriod\`, \`minSyncPeriod\` and \`masqueradeAll\` count; the data plane is nftables in any case. It
also decides the default of \`nodePortAddresses\`: for \`iptables\` and \`ipvs\` (and with a file whose mode is empty) all addresses of the node, as
kube-proxy has it. Without a file and without \`--proxy-mode\` it is Sluice's own, \`primary\`.

## The effective configuration

\`/configz\` at \`--metrics-bind-address\` shows what is in effect as \`{"kubeproxy.config.k8s.io": {...}}\`, with the names of v1alpha1 and
all defaults, and \`--write-config-to FILE\` writes the same as YAML: the mode is \`nftables\`, and its section has what counts. As a
configuration file it means the same again, except that \`oomScoreAdj\` is null where Sluice leaves it alone. \`/proxyMode\` says \`nftables\`.

Booleans may be given as \`--flag\`, \`--flag=true\` or \`--flag=false\`, and names with \`_\` for \`-\`.
`

/** The page about kube-proxy's configuration. */
export function kubeProxyReference(): string {
  const flags = Object.entries(FLAGS).map(([flag, { use }]) => `| \`--${flag}\` | ${useText(use)} |`)
  return [
    INTRODUCTION,
    '## Fields',
    '',
    '| field | flag | default | in Sluice |',
    '|---|---|---|---|',
    ...PLACED_FIELDS.map(fieldRow),
    '',
    '## Flags that are no field',
    '',
    '| flag | in Sluice |',
    '|---|---|',
    ...flags,
    '',
  ].join('\n')
}

function fieldRow({ path, field }: PlacedField): string {
  const flag = field.flag === undefined ? '' : `\`${field.flag === 'v' ? '-v' : `--${field.flag}`}\``
  const counts = field.modes === undefined || 'ignored' in field.use ? '' : ` (mode ${field.modes.join(' or ')})`
  return `| \`${path}\` | ${flag} | \`${JSON.stringify(field.default)}\` | ${useText(field.use)}${counts} |`
}

function useText(use: Use): string {
  return 'applied' in use ? use.applied : `does not apply: ${use.ignored}`
}
