import type { OptionGroup } from './options.ts'

/** A command of the grammar: words that may have options before, between and behind them. */
export interface CommandSpec {
  readonly words: readonly string[]
  readonly summary: string
  readonly options: readonly OptionGroup[]
}

/** KPNG's grammar: a source, `to-local`, a sink; and what an operator needs beside. */
export const COMMANDS = [
  {
    words: ['file', 'to-local', 'to-nft'],
    summary: 'serve the Services that files describe, with nftables',
    options: ['file', 'node', 'sync', 'nft', 'conntrack', 'health', 'instance', 'log'],
  },
  {
    words: ['kube', 'to-local', 'to-nft'],
    summary: 'serve the Services of the Kubernetes API, with nftables',
    options: ['kube', 'node', 'sync', 'nft', 'conntrack', 'health', 'instance', 'log', 'kube-proxy'],
  },
  {
    words: ['api', 'to-local', 'to-nft'],
    summary: "serve the Services of another server's global API, with nftables",
    options: ['api', 'node', 'sync', 'nft', 'conntrack', 'health', 'instance', 'log'],
  },
  {
    words: ['local', 'to-nft'],
    summary: "serve what another server's local API says that this node must do, with nftables",
    options: ['api', 'node', 'sync', 'nft', 'conntrack', 'health', 'instance', 'log'],
  },
  {
    words: ['file', 'to-api'],
    summary: 'tell other nodes of the Services that files describe, over gRPC',
    options: ['file', 'listen', 'api-instance', 'log'],
  },
  {
    words: ['kube', 'to-api'],
    summary: 'tell other nodes of the Services of the Kubernetes API, over gRPC',
    options: ['kube', 'listen', 'api-instance', 'log'],
  },
  {
    words: ['api', 'to-api'],
    summary: "tell other nodes of the Services of another server's global API, over gRPC: a relay",
    options: ['api', 'listen', 'api-instance', 'log'],
  },
  {
    words: ['file', 'to-file'],
    summary: 'write the Services that files describe to a file',
    options: ['file', 'output', 'file-instance', 'log'],
  },
  {
    words: ['kube', 'to-file'],
    summary: 'write the Services of the Kubernetes API to a file',
    options: ['kube', 'proxy-name', 'output', 'file-instance', 'log'],
  },
  {
    words: ['api', 'to-file'],
    summary: "write the Services of another server's global API to a file",
    options: ['api', 'output', 'file-instance', 'log'],
  },
  {
    words: ['file', 'to-local', 'to-json'],
    summary: 'print what this node must do for the Services that files describe, as JSON at each change',
    options: ['file', 'node-name', 'once', 'log'],
  },
  {
    words: ['file', 'to-local', 'to-healthchecks'],
    summary: 'serve the health-check node ports of the Services that files describe',
    options: ['file', 'node-name', 'ip', 'healthz', 'healthchecks-instance', 'log'],
  },
  {
    words: ['kube', 'to-local', 'to-json'],
    summary: 'print what this node must do for the Services of the Kubernetes API, as JSON at each change',
    options: ['kube', 'node-name', 'once', 'log'],
  },
  {
    words: ['kube', 'to-local', 'to-healthchecks'],
    summary: 'serve the health-check node ports of the Services of the Kubernetes API',
    options: ['kube', 'node-name', 'ip', 'healthz', 'healthchecks-instance', 'log'],
  },
  {
    words: ['api', 'to-local', 'to-json'],
    summary: "print what this node must do for the Services of another server's global API, as JSON at each change",
    options: ['api', 'node-name', 'once', 'log'],
  },
  {
    words: ['api', 'to-local', 'to-healthchecks'],
    summary: "serve the health-check node ports of the Services of another server's global API",
    options: ['api', 'node-name', 'ip', 'healthz', 'healthchecks-instance', 'log'],
  },
  {
    words: ['local', 'to-json'],
    summary: "print what another server's local API says that this node must do, as JSON at each change",
    options: ['api', 'node-name', 'once', 'log'],
  },
  {
    words: ['local', 'to-healthchecks'],
    summary: "serve the health-check node ports of what another server's local API says that this node must do",
    options: ['api', 'node-name', 'ip', 'healthz', 'healthchecks-instance', 'log'],
  },
  { words: ['status'], summary: 'say what a running instance does', options: ['status', 'instance'] },
  {
    words: ['cleanup'],
    summary: 'stop the instance and delete everything that Sluice ever made in the kernel',
    options: ['instance', 'cleanup'],
  },
  { words: ['version'], summary: 'print the version', options: [] },
] as const satisfies readonly CommandSpec[]
