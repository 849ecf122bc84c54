/** The fields of a kubeconfig (kubeconfig.v1) that are read; docs/reference/api-server.md says what each does. */
export const FIELDS = {
  kubeconfig: ['current-context', 'contexts', 'clusters', 'users'],
  entry: ['name', 'context', 'cluster', 'user'],
  context: ['cluster', 'user'],
  cluster: [
    'server',
    'certificate-authority',
    'certificate-authority-data',
    'insecure-skip-tls-verify',
    'tls-server-name',
    'proxy-url',
    'disable-compression',
    'extensions',
  ],
  user: [
    'client-certificate',
    'client-certificate-data',
    'client-key',
    'client-key-data',
    'token',
    'tokenFile',
    'username',
    'password',
    'as',
    'as-uid',
    'as-groups',
    'as-user-extra',
    'exec',
    'auth-provider',
  ],
  exec: ['apiVersion', 'command', 'args', 'env', 'installHint', 'provideClusterInfo', 'interactiveMode'],
  'auth-provider': ['name', 'config'],
  oidc: [
    'idp-issuer-url',
    'client-id',
    'client-secret',
    'id-token',
    'refresh-token',
    'idp-certificate-authority',
    'idp-certificate-authority-data',
  ],
} as const

/** A field that some section has. */
export type Field = (typeof FIELDS)[keyof typeof FIELDS][number]
