import { setTimeout as delay } from 'node:timers/promises'
import { SettingFiles } from '../kernel/sysctl/settings.ts'
import { askInstance, ControlError } from '../observe/control-socket.ts'
import { restoreSettings } from '../sinks/conntrack/change-settings.ts'
import { SettingsRecord } from '../sinks/conntrack/settings-record.ts'
import { cleanupNft } from '../sinks/nft/cleanup.ts'
import { instanceOptions } from './agent-options.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { failureText } from './failure.ts'
import { cleanupLeftovers } from './kube-proxy-leftovers.ts'
import type { RawOptions } from './options.ts'

const STOP_TIMEOUT_MS = 10_000

/** `sluice cleanup`: a running instance is asked to stop first, so that it does not repair what is deleted. */
export async function cleanup(raw: RawOptions): Promise<ExitCode> {
  if (raw.kubeProxy) return cleanupLeftovers()
  const { instance, runDirectory } = instanceOptions(raw)
  if (await stopInstance(runDirectory, instance)) console.log(`stopped instance "${instance}"`)
  const removed = await cleanupNft()
  for (const what of removed) console.log(`deleted table ${what}`)
  if (removed.length === 0) console.log('nothing to delete')
  const { restored, failures } = restoreSettings(new SettingFiles(), new SettingsRecord(runDirectory, instance))
  for (const what of restored) console.log(`restored ${what}`)
  for (const error of failures) console.error(`not restored: ${failureText(error)}`)
  return failures.length === 0 ? EXIT.ok : EXIT.failure
}

/** @returns false when there was none to stop. */
async function stopInstance(runDirectory: string, instance: string): Promise<boolean> {
  try {
    await askInstance(runDirectory, instance, 'POST', '/stop')
  } catch (error) {
    if (error instanceof ControlError && error.code === 'INSTANCE_ABSENT') return false
    throw error
  }
  const deadline = Date.now() + STOP_TIMEOUT_MS
  while (Date.now() < deadline) {
    try {
      await askInstance(runDirectory, instance, 'GET', '/status')
    } catch {
      return true
    }
    await delay(20)
  }
  throw new ControlError('INSTANCE_RUNNING', `instance "${instance}" does not stop; end it and try again`)
}
