import { GrpcError } from './error.ts'

/** Where a gRPC server is: a TCP address, or a socket in the file system. */
export type GrpcAddress =
  | {
      readonly kind: 'tcp'
      /** Name or address, without brackets; empty for every address of this host. */
      readonly host: string
      /** 0 to 65535; 0 lets the kernel choose, of a server. */
      readonly port: number
    }
  | { readonly kind: 'unix'; readonly path: string }

/**
 * Reads `tcp://HOST:PORT`, `HOST:PORT`, `:PORT`, `dns:///HOST:PORT`, `passthrough:///HOST:PORT`, `unix:///PATH` or `unix:PATH`: what
 * KPNG's listener and Go's gRPC client understand.
 *
 * @throws GrpcError
 */
export function parseGrpcAddress(text: string): GrpcAddress {
  const unix = /^unix:(?:\/\/(?=\/))?(.+)$/.exec(text)?.[1]
  // The kernel's limit is 107 bytes (sun_path of struct sockaddr_un).
  if (unix !== undefined && unix !== '//' && Buffer.byteLength(unix) <= 107) return { kind: 'unix', path: unix }
  const [, rest = ''] = /^(?:tcp:\/\/|dns:\/\/\/|dns:|passthrough:\/\/\/)?([^/]*)$/.exec(text) ?? []
  const [, bracketed, plain = '', digits = ''] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]*)):(\d{1,5})$/.exec(rest) ?? []
  const port = Number(digits)
  if (unix !== undefined || digits === '' || port > 65535) {
    throw new GrpcError(
      'GRPC_ADDRESS',
      `"${text}" must be HOST:PORT, tcp://HOST:PORT, or unix:///PATH of at most 107 bytes`,
    )
  }
  return { kind: 'tcp', host: bracketed ?? plain, port }
}

/** As a person reads it, and as {@link parseGrpcAddress} does. */
export function grpcAddressText(address: GrpcAddress): string {
  if (address.kind === 'unix') return `unix://${address.path}`
  const { host, port } = address
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** True when nobody on another machine can reach it. */
export function isPrivate(address: GrpcAddress): boolean {
  if (address.kind === 'unix') return true
  return address.host === 'localhost' || address.host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(address.host)
}
