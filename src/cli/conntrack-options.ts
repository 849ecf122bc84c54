import type { ConntrackOptions } from '../sinks/conntrack/sysctls.ts'
import { parseDuration } from './duration.ts'
import { UsageError } from './failure.ts'
import type { RawOptions } from './options.ts'

/** Of a sysctl: entries, or seconds. */
const LARGEST = 0x7fffffff

/** @throws UsageError that names the flag and says what it accepts. */
export function conntrackOptions(raw: RawOptions): ConntrackOptions {
  return {
    maxPerCore: entries('--conntrack-max-per-core', raw.conntrackMaxPerCore),
    min: entries('--conntrack-min', raw.conntrackMin),
    tcpBeLiberal: raw.conntrackTcpBeLiberal ?? false,
    tcpEstablishedSeconds: seconds('--conntrack-tcp-timeout-established', raw.conntrackTcpTimeoutEstablished),
    tcpCloseWaitSeconds: seconds('--conntrack-tcp-timeout-close-wait', raw.conntrackTcpTimeoutCloseWait),
    udpSeconds: seconds('--conntrack-udp-timeout', raw.conntrackUdpTimeout),
    udpStreamSeconds: seconds('--conntrack-udp-timeout-stream', raw.conntrackUdpTimeoutStream),
  }
}

function entries(flag: string, text = '0'): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number > LARGEST) {
    throw new UsageError(`${flag}: "${text}" must be a whole number of entries, 0 to ${LARGEST}`)
  }
  return number
}

/** Whole seconds, as the kernel counts; a fraction is dropped. */
function seconds(flag: string, text = '0'): number {
  const milliseconds = parseDuration(flag, text)
  if (milliseconds > 0 && milliseconds < 1000) throw new UsageError(`${flag}: "${text}" must be 0, or at least 1s`)
  const whole = Math.floor(milliseconds / 1000)
  if (whole > LARGEST) throw new UsageError(`${flag}: "${text}" is longer than the kernel can count`)
  return whole
}
