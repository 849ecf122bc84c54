import type http from 'node:http'
import tls from 'node:tls'
import { type Cidr, cidrContains, type IpAddress, parseCidr, parseIp } from '../../model/ip.ts'
import { SourceError } from '../error.ts'

/** The proxy through which a URL is asked; undefined for none. */
export type ProxyOf = (target: URL) => URL | undefined

/** The only proxy, whatever the environment says; as client-go does with a kubeconfig's `proxy-url`. */
export function fixedProxy(text: string, origin: string): ProxyOf {
  const proxy = proxyUrl(text, origin)
  return () => proxy
}

/**
 * The environment's proxies by the rules of Go's httpproxy, which client-go follows: `HTTPS_PROXY` or `HTTP_PROXY` by the scheme
 * of the target, unless `NO_PROXY` has it; in capitals first. What is on this host is never asked through a proxy.
 *
 * @throws SourceError when a proxy is no URL, or of a kind that is not supported.
 */
export function environmentProxy(environment: NodeJS.ProcessEnv): ProxyOf {
  const variable = (name: string) => environment[name] || environment[name.toLowerCase()] || ''
  const proxy = (name: string) => (variable(name) === '' ? undefined : proxyUrl(variable(name), name))
  const proxies: Readonly<Record<string, URL | undefined>> = {
    'https:': proxy('HTTPS_PROXY'),
    'http:': proxy('HTTP_PROXY'),
  }
  const isException = exceptions(variable('NO_PROXY'))
  return (target) => (isException(target) ? undefined : proxies[target.protocol])
}

/**
 * What an agent of `node:http` or `node:https` needs to go through a proxy, with CONNECT for https. Node would read NO_PROXY,
 * too, but not the CIDRs in it.
 */
export function agentOptions(proxy: URL | undefined): http.AgentOptions {
  if (proxy === undefined) return {}
  // Node takes no authority for the proxy beside those that it has by default.
  if (proxy.protocol === 'https:') trustSystem()
  return { proxyEnv: { HTTPS_PROXY: proxy.href, HTTP_PROXY: proxy.href } }
}

let trustsSystem = false

/** Adds the authorities of this machine, which programs in Go trust, to those that Node has built in. */
export function trustSystem(): void {
  if (trustsSystem) return
  trustsSystem = true
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), ...tls.getCACertificates('system')])
}

/** @throws SourceError that does not quote it, since it may hold a password. */
function proxyUrl(text: string, origin: string): URL {
  const full = text.includes('://') ? text : `http://${text}`
  const url = URL.canParse(full) ? new URL(full) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  const what = url === undefined ? 'is no URL' : `is of the kind ${url.protocol.slice(0, -1)}, which is not supported`
  throw new SourceError('SOURCE_SYNTAX', origin, `the proxy ${what}; it must be such as http://10.0.0.1:3128`)
}

/** Whether a target is asked without proxy. */
type IsException = (target: URL) => boolean

function exceptions(text: string): IsException {
  const entries = text
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '')
    .map(exception)
  return (target) => isThisHost(target) || entries.some((isException) => isException(target))
}

function isThisHost(target: URL): boolean {
  const ip = addressOf(target)
  if (ip === undefined) return hostOf(target) === 'localhost'
  return ip === '::1' || cidrContains('127.0.0.0/8' as Cidr, ip)
}

/** `*`, a CIDR, an address, `example.com` with all below it, `.example.com` for those below it only; the last three with a port. */
function exception(entry: string): IsException {
  if (entry === '*') return () => true
  const cidr = parseCidr(entry)
  if (cidr !== undefined) return (target) => contains(cidr, addressOf(target))
  const [, host = entry, port] = /^(\[.*\]|[^:]*):(\d+)$/.exec(entry) ?? []
  const isPort = (target: URL) => port === undefined || port === portOf(target)
  const ip = parseIp(host.replace(/^\[(.*)\]$/, '$1'))
  if (ip !== undefined) return (target) => isPort(target) && addressOf(target) === ip
  const domain = host.replace(/^\*?\./, '')
  const isBelowOnly = domain !== host
  return (target) => {
    const name = hostOf(target)
    return isPort(target) && (name.endsWith(`.${domain}`) || (!isBelowOnly && name === domain))
  }
}

function contains(cidr: Cidr, ip: IpAddress | undefined): boolean {
  return ip !== undefined && cidrContains(cidr, ip)
}

function hostOf(target: URL): string {
  return target.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
}

function addressOf(target: URL): IpAddress | undefined {
  return parseIp(hostOf(target))
}

function portOf(target: URL): string {
  return target.port || (target.protocol === 'https:' ? '443' : '80')
}
