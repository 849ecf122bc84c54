/** localv1.Set: kinds of values. */
export const SET = {
  services: 1,
  endpoints: 2,
  globalServices: 10,
  globalEndpoints: 11,
  globalNodes: 12,
  // Additions: told only to clients that understand them.
  nodes: 100,
  serviceCIDRs: 101,
  globalServiceCIDRs: 110,
} as const

export type SetNumber = (typeof SET)[keyof typeof SET]

/** localv1.Protocol. */
export const PROTOCOL = { TCP: 1, UDP: 2, SCTP: 3 } as const

/** Where the one value of the set of ranges is. */
export const SERVICE_CIDRS_PATH = 'service-cidrs'
