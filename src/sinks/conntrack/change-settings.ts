import type { KernelSettings } from '../../kernel/sysctl/settings.ts'
import type { SettingsRecord } from './settings-record.ts'
import type { WantedSetting } from './sysctls.ts'

/**
 * Gives settings the values that they should have; one that is right is not written. What is changed is recorded before,
 * so that {@link restoreSettings} can undo it.
 *
 * @returns what could not be set; the others are.
 */
export function changeSettings(
  wanted: readonly WantedSetting[],
  settings: KernelSettings,
  record: SettingsRecord,
): Error[] {
  return wanted.flatMap(({ file, value, mayBeLarger }) =>
    failureOf(() => {
      const present = settings.read(file)
      if (present === value || (mayBeLarger && present > value)) return
      const isFirst = !record.changes().has(file)
      record.add(file, { original: present, written: value })
      try {
        settings.write(file, value)
      } catch (error) {
        if (isFirst) record.remove(file)
        throw error
      }
    }),
  )
}

/**
 * Gives settings that Sluice changed their first values again, where nobody changed them since.
 *
 * @returns the settings that were restored, and what could not be, which stays in the record.
 */
export function restoreSettings(
  settings: KernelSettings,
  record: SettingsRecord,
): { restored: string[]; failures: Error[] } {
  const restored: string[] = []
  const changes = [...record.changes()].reverse()
  const failures = changes.flatMap(([file, { original, written }]) =>
    failureOf(() => {
      if (settings.read(file) === written && original !== written) {
        settings.write(file, original)
        restored.push(`${file} to ${original}`)
      }
      record.remove(file)
    }),
  )
  return { restored, failures }
}

/** A record that cannot be written is a failure like a setting that cannot: what could not be undone is not done. */
function failureOf(work: () => void): Error[] {
  try {
    work()
    return []
  } catch (error) {
    return [error instanceof Error ? error : new Error(String(error))]
  }
}
