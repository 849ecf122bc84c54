import { expect, test } from 'vitest'
import { pageAnswers, textPage } from './pages.ts'

const answers = pageAnswers({
  '/mode': textPage('nftables'),
  '/later': { contentType: 'application/json', body: async () => Promise.resolve('{}') },
})

test.each(['GET', 'HEAD'])('%s gives the page as it is', async (method) => {
  const answer = await answers({ method, path: '/mode' })
  expect(answer).toMatchObject({ status: 200, body: 'nftables' })
  expect(answer.headers['Content-Type']).toBe('text/plain; charset=utf-8')
  expect(await answers({ method, path: '/later' })).toMatchObject({ status: 200, body: '{}' })
})

test.each(['POST', 'PUT', 'DELETE', ''])('"%s" is not accepted', async (method) => {
  const answer = await answers({ method, path: '/mode' })
  expect(answer).toMatchObject({ status: 405, headers: { Allow: 'GET, HEAD' } })
})

test.each(['/', '/mode/', '/toString', '', '/modes'])('"%s" is not there, and what is there is told', async (path) => {
  const answer = await answers({ method: 'GET', path })
  expect(answer.status).toBe(404)
  expect(answer.body).toContain('/mode, /later')
})
