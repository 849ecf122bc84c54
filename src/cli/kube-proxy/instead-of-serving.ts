import { writeFile } from 'node:fs/promises'
import { stringify } from 'yaml'
import { readError } from '../../sources/error.ts'
import { agentOptions } from '../agent-options.ts'
import { cleanup } from '../cleanup.ts'
import { initializeConntrack, loadConntrack } from '../conntrack.ts'
import { conntrackOptions } from '../conntrack-options.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { failureText, UsageError } from '../failure.ts'
import type { GivenFlags } from '../given-flags.ts'
import { cleanupLeftovers } from '../kube-proxy-leftovers.ts'
import { effectiveConfiguration } from './effective.ts'
import { flagText, flagValue } from './from-flags.ts'
import type { KubeProxySettings } from './settings.ts'

/**
 * Does what kube-proxy's flags want done instead of serving: `--write-config-to`, or else `--cleanup`, or else `--init-only`.
 *
 * @returns undefined when none of them is given
 * @throws UsageError, ControlError
 */
export async function insteadOfServing(settings: KubeProxySettings, given: GivenFlags): Promise<ExitCode | undefined> {
  const target = flagText(given, 'write-config-to')
  if (target !== '') return writeConfiguration(settings, target)
  if (flagValue(given, 'cleanup') === true) return cleanupAll(settings)
  return flagValue(given, 'init-only') === true ? initialize(settings) : undefined
}

/** Wrong options of Sluice's are an error here, too. */
async function writeConfiguration({ configuration, options }: KubeProxySettings, file: string): Promise<ExitCode> {
  agentOptions(options)
  conntrackOptions(options)
  try {
    await writeFile(file, stringify(effectiveConfiguration(configuration, options), { version: '1.1' }))
  } catch (error) {
    throw new UsageError(
      `--write-config-to: ${readError(file, error).message.replace('cannot be read', 'cannot be written')}`,
    )
  }
  console.log(`wrote the configuration to ${file}`)
  return EXIT.ok
}

/** Sluice's own first: what a kube-proxy left may serve meanwhile. */
async function cleanupAll({ options }: KubeProxySettings): Promise<ExitCode> {
  const own = await cleanup({ ...options, kubeProxy: false })
  const leftovers = await cleanupLeftovers()
  return own === EXIT.ok ? leftovers : own
}

/**
 * What cannot be set is told and no failure, as while serving: a container that ends with an error would keep a pod's other ones
 * from starting.
 */
async function initialize({ options }: KubeProxySettings): Promise<ExitCode> {
  const agent = agentOptions(options)
  const tracking = conntrackOptions(options)
  await loadConntrack()
  for (const error of initializeConntrack(agent, tracking)) console.error(`not set: ${failureText(error)}`)
  return EXIT.ok
}
