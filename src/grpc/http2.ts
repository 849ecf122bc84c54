/**
 * Node's HTTP/2, loaded when it is needed: it costs 60 ms and 11 MB, which an agent that speaks with the kernel and the Kubernetes API
 * alone is to be spared.
 */
export function http2(): typeof import('node:http2') {
  return process.getBuiltinModule('node:http2')
}
