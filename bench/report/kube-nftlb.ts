/** One row of kube-nftlb's published figures (its repository, resources/filtered-results.txt, 50 runs). Means, milliseconds. */
export interface PublishedRow {
  readonly peer: string
  readonly endpoints: number
  readonly create: number
  readonly delete: number
}

/** Kubernetes 1.19.4, Linux 5.8; the later of its two sets, whose meter is the better one. */
export const PUBLISHED: readonly PublishedRow[] = [
  { peer: 'nftlb', endpoints: 10, create: 29.1, delete: 9.8 },
  { peer: 'nftlb', endpoints: 50, create: 10, delete: 9.8 },
  { peer: 'nftlb', endpoints: 100, create: 73.9, delete: 10.4 },
  { peer: 'kube-proxy (iptables)', endpoints: 10, create: 179.4, delete: 901 },
  { peer: 'kube-proxy (iptables)', endpoints: 50, create: 152.7, delete: 961 },
  { peer: 'kube-proxy (iptables)', endpoints: 100, create: 235.7, delete: 1027 },
]

export const published = `kube-nftlb publishes how long one Service with 10, 50 and 100 endpoints takes to be created and deleted, with its own
proxy and with kube-proxy (Kubernetes 1.19.4, Linux 5.8, 50 runs; means). Its clock begins when \`kubectl apply\` has returned, and it asks every
few milliseconds whether the known number of rules is there, which sets a floor of 7 to 10 ms; kube-proxy's figures contain the wait of its
sync period. On the left are its figures; on the right is what the same change costs here, from the input that is ready until it is programmed,
beside one other Service. The two sides have different clocks, so compare within each.`
