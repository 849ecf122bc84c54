import { ApiFeed, TRANSPORTS } from './feeds/api-feed.ts'
import type { Source, SourceName } from './feeds/feed.ts'
import { FileFeed } from './feeds/file-feed.ts'
import { KubeFeed } from './feeds/kube-feed.ts'

/** The sources that there are, by the name that `--source` takes. */
export const SOURCES: Readonly<Record<SourceName, Source>> = {
  file: { name: 'file', open: async () => new FileFeed() },
  kube: { name: 'kube', open: (node) => KubeFeed.open(node) },
  'api-tcp': { name: 'api-tcp', open: (node) => ApiFeed.open(node, 'local', TRANSPORTS.tcp) },
  'api-tls': { name: 'api-tls', open: (node) => ApiFeed.open(node, 'local', TRANSPORTS.tls) },
  'api-unix': { name: 'api-unix', open: (node) => ApiFeed.open(node, 'local', TRANSPORTS.unix) },
  'api-global': { name: 'api-global', open: (node) => ApiFeed.open(node, 'api', TRANSPORTS.tcp) },
}
