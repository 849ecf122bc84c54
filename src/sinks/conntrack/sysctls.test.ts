import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SysctlError } from '../../kernel/sysctl/error.ts'
import type { KernelSettings } from '../../kernel/sysctl/settings.ts'
import { changeSettings, restoreSettings } from './change-settings.ts'
import { SettingsRecord } from './settings-record.ts'
import { type ConntrackOptions, wantedSettings } from './sysctls.ts'

const NOTHING: ConntrackOptions = {
  maxPerCore: 0,
  min: 0,
  tcpBeLiberal: false,
  tcpEstablishedSeconds: 0,
  tcpCloseWaitSeconds: 0,
  udpSeconds: 0,
  udpStreamSeconds: 0,
}
const DEFAULTS = { ...NOTHING, maxPerCore: 32768, min: 131072, tcpEstablishedSeconds: 86400, tcpCloseWaitSeconds: 3600 }

describe('wantedSettings (promise 79)', () => {
  const wanted = (options: Partial<ConntrackOptions>, cpus = 1) =>
    wantedSettings({ ...NOTHING, ...options }, cpus).map(({ file, value }) => `${path.basename(file)}=${value}`)

  test.each<[string, Partial<ConntrackOptions>, number, string[]]>([
    ['nothing', {}, 4, []],
    ['the minimum alone', { min: 131072 }, 4, []],
    ['few CPUs', { maxPerCore: 32768, min: 131072 }, 2, ['nf_conntrack_max=131072', 'hashsize=32768']],
    ['many CPUs', { maxPerCore: 32768, min: 131072 }, 8, ['nf_conntrack_max=262144', 'hashsize=65536']],
    ['very many CPUs', { maxPerCore: 32768 }, 64, ['nf_conntrack_max=1048576', 'hashsize=262144']],
    ['a large minimum', { maxPerCore: 1, min: 2000000 }, 64, ['nf_conntrack_max=2000000', 'hashsize=500000']],
    ['liberal', { tcpBeLiberal: true }, 1, ['nf_conntrack_tcp_be_liberal=1']],
    [
      'timeouts',
      { tcpEstablishedSeconds: 86400, tcpCloseWaitSeconds: 3600, udpSeconds: 30, udpStreamSeconds: 120 },
      1,
      [
        'nf_conntrack_tcp_timeout_established=86400',
        'nf_conntrack_tcp_timeout_close_wait=3600',
        'nf_conntrack_udp_timeout=30',
        'nf_conntrack_udp_timeout_stream=120',
      ],
    ],
  ])('%s', (_, options, cpus, expected) => {
    expect(wanted(options, cpus)).toEqual(expected)
  })
})

/** Settings in memory. */
class FakeSettings implements KernelSettings {
  readonly values: Map<string, number>
  readonly written: string[] = []
  readonly readOnly = new Set<string>()

  constructor(values: Readonly<Record<string, number>>) {
    this.values = new Map(Object.entries(values))
  }

  read(file: string): number {
    const value = this.values.get(file)
    if (value === undefined) throw new SysctlError('SYSCTL_ABSENT', `cannot read ${file}: ENOENT`)
    return value
  }

  write(file: string, value: number): void {
    if (this.readOnly.has(file)) throw new SysctlError('SYSCTL_WRITE', `cannot set ${file}: EROFS`)
    this.written.push(`${path.basename(file)}=${value}`)
    this.values.set(file, value)
  }
}

describe('changeSettings and restoreSettings', () => {
  const [MAX, HASH, ESTABLISHED, CLOSE_WAIT] = wantedSettings(DEFAULTS, 1).map(({ file }) => file) as [
    string,
    string,
    string,
    string,
  ]
  const kernel = () => new FakeSettings({ [MAX]: 262144, [HASH]: 16384, [ESTABLISHED]: 432000, [CLOSE_WAIT]: 3600 })
  let folder: string
  const record = () => new SettingsRecord(folder, 'default')

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'sluice-sysctls-'))
  })

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  test('only what is not right is written; a larger maximum is lowered, a larger hash table is not', () => {
    const settings = kernel()
    expect(changeSettings(wantedSettings(DEFAULTS, 1), settings, record())).toEqual([])
    expect(settings.written).toEqual([
      'nf_conntrack_max=131072',
      'hashsize=32768',
      'nf_conntrack_tcp_timeout_established=86400',
    ])
    settings.values.set(HASH, 1 << 20)
    changeSettings(wantedSettings(DEFAULTS, 1), settings, record())
    expect(settings.written).toHaveLength(3)
  })

  test('the first values are restored, also after a restart with other options', () => {
    const settings = kernel()
    const before = new Map(settings.values)
    changeSettings(wantedSettings(DEFAULTS, 1), settings, record())
    changeSettings(wantedSettings({ ...DEFAULTS, tcpEstablishedSeconds: 60 }, 1), settings, record())
    expect(settings.values.get(ESTABLISHED)).toBe(60)
    const { restored, failures } = restoreSettings(settings, record())
    expect(restored).toEqual([`${ESTABLISHED} to 432000`, `${HASH} to 16384`, `${MAX} to 262144`])
    expect(failures).toEqual([])
    expect(settings.values).toEqual(before)
    expect(existsSync(path.join(folder, 'default.sysctls.json'))).toBe(false)
  })

  test('what somebody else changed since is left', () => {
    const settings = kernel()
    changeSettings(wantedSettings(DEFAULTS, 1), settings, record())
    settings.values.set(MAX, 500000)
    expect(restoreSettings(settings, record()).restored).toHaveLength(2)
    expect(settings.values.get(MAX)).toBe(500000)
  })

  test('what cannot be set is told, is not recorded, and keeps nothing from the rest', () => {
    const settings = kernel()
    settings.readOnly.add(MAX)
    settings.values.delete(HASH)
    const failures = changeSettings(wantedSettings(DEFAULTS, 1), settings, record())
    expect(failures).toMatchObject([{ code: 'SYSCTL_WRITE' }, { code: 'SYSCTL_ABSENT' }])
    expect(settings.written).toEqual(['nf_conntrack_tcp_timeout_established=86400'])
    expect([...record().changes().keys()]).toEqual([ESTABLISHED])
  })

  test('what cannot be restored stays in the record', () => {
    const settings = kernel()
    changeSettings(wantedSettings(DEFAULTS, 1), settings, record())
    settings.readOnly.add(MAX)
    expect(restoreSettings(settings, record()).failures).toMatchObject([{ code: 'SYSCTL_WRITE' }])
    expect([...record().changes()]).toEqual([[MAX, { original: 262144, written: 131072 }]])
  })

  test('nothing is set that could not be recorded', () => {
    const settings = kernel()
    writeFileSync(path.join(folder, 'file'), '')
    const failures = changeSettings(
      wantedSettings(DEFAULTS, 1),
      settings,
      new SettingsRecord(path.join(folder, 'file'), 'a'),
    )
    expect(failures).toHaveLength(3)
    expect(settings.written).toEqual([])
  })

  test('a record that was damaged is taken for none', () => {
    writeFileSync(path.join(folder, 'default.sysctls.json'), '{"a": 1, "b": {"original": "x"}, ')
    expect(record().changes().size).toBe(0)
    record().add(MAX, { original: 1, written: 2 })
    expect(JSON.parse(readFileSync(path.join(folder, 'default.sysctls.json'), 'utf8'))).toEqual({
      [MAX]: { original: 1, written: 2 },
    })
  })
})
