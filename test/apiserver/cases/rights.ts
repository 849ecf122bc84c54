import { describe, expect, test } from 'vitest'
import { ask } from '../client.ts'
import { bedOf, type Cases } from './bed.ts'

export const rightCases: Cases = (server) => {
  const bed = bedOf(server)
  const as = (token: string | undefined) => ({ url: server().url, ca: server().ca, token })

  describe('rights', () => {
    test('are those of the token', async () => {
      const { name, token } = await server().reader()
      expect((await ask(as(token), '/api/v1/services')).status).toBe(200)
      const slices = await ask(as(token), `/apis/discovery.k8s.io/v1/namespaces/${bed().namespace}/endpointslices/x`)
      const where = `in API group "discovery.k8s.io" in the namespace "${bed().namespace}"`
      expect(slices).toMatchObject({ status: 403, body: { kind: 'Status', reason: 'Forbidden', code: 403 } })
      expect(slices.body).toMatchObject({
        message: `endpointslices.discovery.k8s.io "x" is forbidden: User "${name}" cannot get resource "endpointslices" ${where}`,
        details: { name: 'x', group: 'discovery.k8s.io', kind: 'endpointslices' },
      })
      const watch = await ask(as(token), '/api/v1/services', { watch: '1' })
      const told = `User "${name}" cannot watch resource "services" in API group "" at the cluster scope`
      expect(watch.body).toMatchObject({ message: `services is forbidden: ${told}`, details: { kind: 'services' } })
    })

    test('are asked for before it matters what is served', async () => {
      const { token } = await server().reader()
      expect(await ask(as(token), '/api/v1/none')).toMatchObject({ status: 403, body: { details: { kind: 'none' } } })
      expect((await ask(as('nonsense'), '/api/v1/none')).status).toBe(401)
    })

    test('are none without a token, and one that is not known is refused', async () => {
      const nobody = await ask(as(undefined), '/api/v1/services')
      expect(nobody).toMatchObject({ status: 403, body: { reason: 'Forbidden' } })
      expect(nobody.body.message).toContain('User "system:anonymous" cannot list resource "services"')
      const unknown = await ask(as('nonsense'), '/api/v1/services')
      const message = 'Unauthorized'
      expect(unknown).toMatchObject({ status: 401, body: { kind: 'Status', message, reason: message, code: 401 } })
    })
  })
}
