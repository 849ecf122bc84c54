import { appendFile, mkdir, mkdtemp, open, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Problem } from '../../model/object.ts'
import { objectId } from '../../model/object.ts'
import { Store, type Update } from '../../store/store.ts'
import { isSourceError, type SourceErrorCode } from '../error.ts'
import { FileSource, type FileSourceOptions } from './file-source.ts'

/** For tests that must do something within a few milliseconds, which a busy machine may not allow. */
const RACE = { retry: 5 }

let dir: string
let sources: FileSource[]

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'sluice-file-source-'))
  sources = []
})

afterEach(async () => {
  for (const source of sources) await source.close()
  await rm(dir, { recursive: true, force: true })
})

/** A store that remembers what it was given. */
class Recorder extends Store {
  readonly updates: Update[] = []

  override apply(update: Update): number {
    this.updates.push(update)
    return super.apply(update)
  }

  /** Names of the Services, with the last number of their cluster IP. */
  get services(): string[] {
    return [...this.serviceKeys()].map((key) => `${key} ${this.service(key)?.clusterIPs[0]?.split('.').at(-1)}`).sort()
  }

  /** What the updates since the last call set and deleted. */
  take(): string[] {
    return this.updates
      .splice(0)
      .flatMap((update) => [
        ...update.set.map((object) => `set ${objectId(object)}`),
        ...update.delete.map((id) => `delete ${id}`),
      ])
  }
}

const service = (name: string, ip = 1): string =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec:\n  clusterIP: 10.96.0.${ip}\n  ports:\n  - port: 80\n`

const documents = (...texts: string[]): string => texts.join('---\n')
const at = (...names: string[]): string => path.join(dir, ...names)
const file = (name: string, ...texts: string[]): Promise<void> => writeFile(at(name), documents(...texts))

async function started(options: Partial<FileSourceOptions> = {}): Promise<{ store: Recorder; source: FileSource }> {
  const store = new Recorder()
  const source = new FileSource({ store, inputs: [dir], follow: false, ...options })
  sources.push(source)
  await source.start()
  expect(store.synced).toBe(true)
  return { store, source }
}

async function followed(options: Partial<FileSourceOptions> = {}): ReturnType<typeof started> {
  const result = await started({ follow: true, ...options })
  result.store.take()
  return result
}

/** Waits for up to four seconds, which is less than the source's own looking takes. */
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i++) await setTimeout(10)
  expect(condition()).toBe(true)
}

function told(source: FileSource): string[] {
  return source.problems().map(tell)
}

const tell = ({ severity, object, message, origin }: Problem): string =>
  `${severity} ${origin.replace(`${dir}/`, '')} ${object}: ${message}`

describe('inputs', () => {
  test('a file', async () => {
    await file('a.txt', service('a'), service('b', 2))
    const { store } = await started({ inputs: [at('a.txt')] })
    expect(store.services).toEqual(['default/a 1', 'default/b 2'])
  })

  test('a directory: YAML and JSON, not hidden, not in directories, not what editors leave', async () => {
    for (const name of ['a.yaml', 'b.yml', 'c.json']) await file(name, service(name[0] ?? ''))
    for (const name of ['.hidden.yaml', '#x.yaml#', '.#y.yaml', 'z.yaml~', 'w.yaml.swp', 'README.md', '4913']) {
      await file(name, service('no'))
    }
    await mkdir(at('sub.yaml'))
    await writeFile(at('sub.yaml', 'd.yaml'), service('no'))
    const { store } = await started()
    expect(store.services).toEqual(['default/a 1', 'default/b 1', 'default/c 1'])
  })

  test('several paths, of which one is in another', async () => {
    await file('a.yaml', service('a'))
    await writeFile(at('b'), service('b'))
    const { store, source } = await started({ inputs: [dir, at('b'), at('a.yaml')] })
    expect(store.services).toEqual(['default/a 1', 'default/b 1'])
    expect(source.problems()).toEqual([])
  })

  test('standard input', async () => {
    const { store, source } = await started({
      inputs: ['-'],
      stdin: Readable.from([service('a'), '---\n', 'kind: x\n']),
    })
    expect(store.services).toEqual(['default/a 1'])
    expect(source.problems().map(({ origin }) => origin)).toEqual(['stdin:9'])
  })

  test('a long standard input', async () => {
    const text = documents(...Array.from({ length: 2000 }, (_, i) => service(`s${i}`)))
    const { store } = await started({ inputs: ['-'], stdin: Readable.from(Buffer.from(text)) })
    expect(store.counts.services).toBe(2000)
  })

  test('standard input can be closed before it ends', async () => {
    const source = new FileSource({
      store: new Store(),
      inputs: ['-'],
      follow: true,
      stdin: new Readable({ read() {} }),
    })
    const start = source.start()
    await setTimeout(20)
    await source.close()
    await start
  })

  test('an empty directory and an empty file are no error', async () => {
    await file('a.yaml', '')
    const { store, source } = await started()
    expect(store.counts).toEqual({ services: 0, endpointSlices: 0, nodes: 0 })
    expect(source.problems()).toEqual([])
  })

  test("KPNG's global state", async () => {
    await file('globalv1-state.yaml', KPNG)
    const { store, source } = await started()
    expect(source.problems()).toEqual([])
    expect(store.services).toEqual(['default/web 9'])
    expect(store.counts).toEqual({ services: 1, endpointSlices: 1, nodes: 1 })
  })
})

const KPNG = `nodes:
- name: vm-1
  labels: {}
services:
- service:
    name: web
    type: ClusterIP
    ips:
      clusterips: {v4: [10.96.0.9]}
    ports:
    - {name: http, protocol: 1, port: 80, targetport: 8080}
    sessionaffinity:
      clientip: {timeoutseconds: 60}
  endpoints:
  - endpoint: {ips: {v4: [10.0.0.1]}}
    topology: {node: vm-1}
`

describe('a start that fails', () => {
  const fails = async (
    code: SourceErrorCode,
    message: RegExp,
    options: Partial<FileSourceOptions> = {},
  ): Promise<void> => {
    const error = await started(options).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(isSourceError(error, code) ? error.message : error).toMatch(message)
  }

  test('an input that does not exist', async () => {
    await file('a.yaml', service('a'))
    await fails('SOURCE_NOT_FOUND', /none\.yaml: does not exist$/, {
      inputs: [at('a.yaml'), at('none.yaml')],
      follow: true,
    })
  })

  test('a file of 1 GiB is refused at once', async () => {
    const handle = await open(at('a.yaml'), 'w')
    await handle.truncate(2 ** 30)
    await handle.close()
    const start = performance.now()
    await fails('SOURCE_TOO_LARGE', /a\.yaml: more than is read: 1024 MiB; accepted: at most 256 MiB$/)
    expect(performance.now() - start).toBeLessThan(1000)
  })

  test('maxFileBytes, also of standard input', async () => {
    await file('a.yaml', service('a'))
    await fails('SOURCE_TOO_LARGE', /accepted: at most 0 MiB$/, { maxFileBytes: 50 })
    await fails('SOURCE_TOO_LARGE', /^stdin: /, {
      inputs: ['-'],
      maxFileBytes: 50,
      stdin: Readable.from([service('a')]),
    })
  })

  test('nothing but a syntax error', async () => {
    await file('a.yaml', 'a: 1\nb: [\n')
    await fails('SOURCE_SYNTAX', /a\.yaml:3:1: syntax error: /)
  })

  test('nothing but an unreadable file', async () => {
    await symlink('loop.yaml', at('loop.yaml'))
    await fails('SOURCE_UNREADABLE', /cannot be read: too many symbolic links/)
  })

  test('something is better than nothing', async () => {
    await file('a.yaml', 'b: [\n')
    await file('b.yaml', service('b'))
    const { store, source } = await started()
    expect(store.services).toEqual(['default/b 1'])
    expect(told(source)).toEqual([expect.stringMatching(/^error a\.yaml:2:1 : syntax error: /)])
  })
})

describe('problems', () => {
  test('name file, line, object and field', async () => {
    const bad = service('bad').replace('port: 80', 'port: 80\n  - port: 70000')
    await file(
      'a.yaml',
      service('a'),
      bad,
      'apiVersion: apps/v1\nkind: Deployment\n',
      'apiVersion: apps/v1\nkind: Deployment\n',
    )
    await file('b.yaml', 'apiVersion: apps/v1\nkind: Deployment\n')
    const { source } = await started()
    expect(source.problems()).toEqual([
      {
        severity: 'warning',
        object: 'Service default/bad',
        field: 'spec.ports[1].port',
        message: 'found 70000; accepted: a whole number from 1 to 65535',
        origin: at('a.yaml:9'),
      },
      {
        severity: 'warning',
        object: 'apps/v1 Deployment',
        field: '',
        message: '3 objects skipped: Sluice reads Service, EndpointSlice, Endpoints, Node and ServiceCIDR',
        origin: at('a.yaml:18'),
      },
    ])
  })

  test('are told once, not again when they only moved', async () => {
    const news: string[] = []
    const counts: number[] = []
    const bad = service('bad').replace('80', '0')
    await file('a.yaml', service('a'), bad)
    const { store } = await followed({
      onProblem: (problem) => news.push(problem.origin),
      onProblems: (problems) => counts.push(problems.length),
    })
    expect([news, counts]).toEqual([[at('a.yaml:9'), at('a.yaml:9')], [2]])
    await file('a.yaml', service('b'), service('a'), bad)
    await until(() => store.services.length === 2)
    await file('a.yaml', service('b'), service('a'))
    await until(() => counts.length === 2)
    expect([news.length, counts]).toEqual([2, [2, 0]])
  })
})

describe('an object in two places', () => {
  test('twice in a file: the later one is used', async () => {
    await file('a.yaml', service('a', 1), service('a', 2))
    const { store, source } = await followed({ inputs: [at('a.yaml')] })
    expect(store.services).toEqual(['default/a 2'])
    expect(told(source)).toEqual([
      `warning a.yaml:9 Service default/a: also at ${at('a.yaml')}:1; this one is used, because it comes later`,
    ])
    await file('a.yaml', service('a', 1))
    await until(() => store.services[0] === 'default/a 1')
    expect(store.take()).toEqual(['set Service default/a'])
  })

  test('in two files: the path that sorts later wins, and the other takes over', async () => {
    await file('b.yaml', service('a', 2))
    await file('a.yaml', '# x\n', service('a', 1))
    const { store, source } = await followed()
    expect(store.services).toEqual(['default/a 2'])
    expect(told(source)).toEqual([
      `warning b.yaml:1 Service default/a: also at ${at('a.yaml')}:3; this one is used, because its path sorts later`,
    ])
    await file('a.yaml', service('a', 3))
    await file('c.yaml', service('a', 4))
    await until(() => store.services[0] === 'default/a 4')
    expect(store.take()).toEqual(['set Service default/a'])
    expect(source.problems()).toHaveLength(2)
    await rm(at('c.yaml'))
    await until(() => store.services[0] === 'default/a 2')
    await rm(at('b.yaml'))
    await until(() => store.services[0] === 'default/a 3')
    expect(store.take()).toEqual(['set Service default/a', 'set Service default/a'])
    expect(source.problems()).toEqual([])
    await rm(at('a.yaml'))
    await until(() => store.services.length === 0)
    expect(store.take()).toEqual(['delete Service default/a'])
  })
})

describe('following', () => {
  test('only what changed is applied, in one update', async () => {
    await file('a.yaml', service('a'), service('b'), service('c'))
    const { store } = await followed()
    await file('a.yaml', service('c'), service('b', 2), service('d'), '# a comment\n')
    await until(() => store.services.includes('default/d 1') && store.services.length === 3)
    const [update, ...rest] = store.updates
    expect(rest).toEqual([])
    expect(update?.set.map(objectId)).toEqual(['Service default/b', 'Service default/d'])
    expect(update?.delete).toEqual(['Service default/a'])
  })

  test('an object whose text changed and whose meaning did not is not applied', async () => {
    await file('a.yaml', service('a'), service('b'))
    const { store } = await followed()
    await file('a.yaml', service('a').replace('name: a', 'name: a, resourceVersion: "7"'), service('b'), service('c'))
    await until(() => store.services.length === 3)
    expect(store.take()).toEqual(['set Service default/c'])
  })

  test('a file that is replaced by renaming', async () => {
    await file('a.yaml', service('a'))
    const { store } = await followed({ inputs: [at('a.yaml')] })
    for (const name of ['b', 'c', 'd']) {
      await file('.tmp', service(name))
      await rename(at('.tmp'), at('a.yaml'))
      await until(() => store.services[0] === `default/${name} 1`)
    }
    expect(store.take()).toHaveLength(6)
  })

  test('new and deleted files', async () => {
    const { store } = await followed()
    await file('a.yaml', service('a'))
    await file('b.yaml', service('b'))
    await until(() => store.services.length === 2)
    await rm(at('a.yaml'))
    await until(() => store.services.length === 1)
    expect(store.take()).toEqual(['set Service default/a', 'set Service default/b', 'delete Service default/a'])
  })

  test('a file that is emptied and then filled loses nothing', RACE, async () => {
    await file('a.yaml', service('a'), service('b'))
    const { store } = await followed()
    for (let ip = 2; ip < 6; ip++) {
      await file('a.yaml')
      await setTimeout(15)
      await file('a.yaml', service('a', ip), service('b'))
      await until(() => store.services[0] === `default/a ${ip}`)
    }
    expect(store.take()).toEqual(Array(4).fill('set Service default/a'))
  })

  test('a file that is written in pieces loses nothing', RACE, async () => {
    await file('a.yaml', service('a'), service('b'), service('c'))
    const { store } = await followed()
    await file('a.yaml', service('a', 2))
    for (const name of ['b', 'c']) {
      await setTimeout(5)
      await appendFile(at('a.yaml'), `---\n${service(name)}`)
    }
    await until(() => store.services[0] === 'default/a 2')
    expect(store.take().filter((change) => change.startsWith('delete'))).toEqual([])
  })

  test('a file that stays empty is empty', async () => {
    await file('a.yaml', service('a'))
    const { store } = await followed()
    await file('a.yaml')
    await until(() => store.services.length === 0)
  })

  test('a file that is away for a moment, as with some editors', RACE, async () => {
    await file('a.yaml', service('a'))
    const { store } = await followed({ inputs: [at('a.yaml')] })
    await rename(at('a.yaml'), at('a.yaml~'))
    await setTimeout(15)
    await file('a.yaml', service('a', 2))
    await until(() => store.services[0] === 'default/a 2')
    expect(store.take()).toEqual(['set Service default/a'])
  })

  test('a directory that vanishes and comes back', async () => {
    await mkdir(at('in'))
    await writeFile(at('in', 'a.yaml'), service('a'))
    const { store, source } = await followed({ inputs: [at('in')] })
    for (let ip = 2; ip < 5; ip++) {
      await rm(at('in'), { recursive: true })
      await until(() => store.services.length === 0 && told(source).join() === 'warning in : does not exist')
      await mkdir(at('in'))
      await setTimeout(ip === 3 ? 30 : 0)
      await writeFile(at('in', 'a.yaml'), service('a', ip))
      await until(() => store.services[0] === `default/a ${ip}`)
      await writeFile(at('in', 'a.yaml'), service('a', ip + 10))
      await until(() => store.services[0] === `default/a ${ip + 10}`)
    }
    expect(source.problems()).toEqual([])
  })

  test('a mounted ConfigMap', async () => {
    const publish = async (version: string, ...names: string[]): Promise<void> => {
      await mkdir(at(version))
      for (const name of names) await writeFile(at(version, `${name}.yaml`), service(name))
      await symlink(version, at('..data_tmp'))
      const old = await readlink(at('..data')).catch(() => undefined)
      await rename(at('..data_tmp'), at('..data'))
      for (const name of names) await symlink(`..data/${name}.yaml`, at(`${name}.yaml`)).catch(() => undefined)
      if (old !== undefined) await rm(at(old), { recursive: true })
    }
    await publish('..2026_1', 'a', 'b')
    const { store } = await followed()
    expect(store.services).toEqual(['default/a 1', 'default/b 1'])
    await publish('..2026_2', 'a', 'c')
    await until(() => store.services.join() === 'default/a 1,default/c 1')
    expect(store.take()).toEqual(['set Service default/c', 'delete Service default/b'])
  })

  test('the target of a link', async () => {
    await mkdir(at('real'))
    await writeFile(at('real', 'x.yaml'), service('a'))
    await symlink(at('real', 'x.yaml'), at('link'))
    const { store } = await followed({ inputs: [at('link')] })
    await writeFile(at('real', 'x.yaml'), service('a', 2))
    await until(() => store.services[0] === 'default/a 2')
  })

  test('nothing happens after close', async () => {
    await file('a.yaml', service('a'))
    const { store, source } = await followed()
    await source.close()
    await source.close()
    await file('a.yaml', service('b'))
    await setTimeout(100)
    expect(store.take()).toEqual([])
  })

  test('without following, nothing happens either', async () => {
    await file('a.yaml', service('a'))
    const { store } = await started()
    await file('a.yaml', service('b'))
    await setTimeout(100)
    expect(store.services).toEqual(['default/a 1'])
  })
})

describe('nothing is lost', () => {
  test('while a document has a syntax error, what it may have held is kept, and the rest is used', async () => {
    await file('a.yaml', service('a'), service('b'), service('c'))
    const { store, source } = await followed()
    await file('a.yaml', service('a', 2), 'kind: [\n', service('d'))
    await until(() => store.services.length === 4)
    expect(store.services).toEqual(['default/a 2', 'default/b 1', 'default/c 1', 'default/d 1'])
    expect(told(source)).toEqual([
      expect.stringMatching(/^error a\.yaml:10:1 : syntax error: /),
      'warning a.yaml : 2 objects of an earlier reading kept until this one has no errors',
    ])
    await file('a.yaml', service('a', 2), service('b'))
    await until(() => store.services.length === 2)
    expect(source.problems()).toEqual([])
  })

  test('a bad object keeps its last good state, and keeps nothing else', async () => {
    await file('a.yaml', service('a'), service('b'))
    const { store, source } = await followed()
    await file('a.yaml', service('a').replace('10.96.0.1', 'nonsense'))
    await until(() => store.services.length === 1)
    expect(store.services).toEqual(['default/a 1'])
    expect(told(source)[0]).toMatch(/^error a\.yaml:1 Service default\/a: found "nonsense"/)
  })

  test('while a file cannot be read, its objects are kept', async () => {
    await file('a.yaml', service('a'))
    const { store, source } = await followed()
    await symlink('a.yaml', at('loop'))
    await rename(at('loop'), at('a.yaml'))
    await until(() => source.problems().length > 0)
    expect(told(source)[0]).toMatch(/cannot be read: too many symbolic links/)
    expect(store.services).toEqual(['default/a 1'])
    await file('tmp', service('b'))
    await rename(at('tmp'), at('a.yaml'))
    await until(() => store.services[0] === 'default/b 1')
    expect(source.problems()).toEqual([])
  })

  test('while a file is too large, its objects are kept', async () => {
    await file('a.yaml', service('a'))
    const { store, source } = await followed({ maxFileBytes: 1000 })
    await file('a.yaml', service('b'), '#'.repeat(1000))
    await until(() => source.problems().length > 0)
    expect(store.services).toEqual(['default/a 1'])
    await rm(at('a.yaml'))
    await until(() => store.services.length === 0)
  })
})

describe('a large file, read in a worker', () => {
  const texts = Array.from({ length: 3000 }, (_, i) => service(`s${i}`))
  const many = documents(...texts)

  test('is read, and followed object by object', async () => {
    await file('a.yaml', many)
    const { store, source } = await followed()
    expect(store.counts.services).toBe(3000)
    expect(source.problems()).toEqual([])
    await file('.tmp', documents(...texts.with(1500, service('s1500', 77)).slice(1)))
    await rename(at('.tmp'), at('a.yaml'))
    await until(() => store.counts.services === 2999)
    expect(store.take()).toEqual(['set Service default/s1500', 'delete Service default/s0'])
  })

  test('so is a smaller one that takes the YAML library long', async () => {
    await file('a.yaml', service('a'), `apiVersion: v1\nkind: Secret\ndata: {x: [${'1, '.repeat(10_000)}]}\n`)
    const { store, source } = await started()
    expect(store.services).toEqual(['default/a 1'])
    expect(told(source)).toEqual([expect.stringMatching(/^warning a\.yaml:9 v1 Secret: 1 object skipped/)])
  })

  test('problems have their lines', async () => {
    await file('a.yaml', many, 'kind: [\n', service('z').replace('80', '0'))
    const { store, source } = await started()
    expect(store.counts.services).toBe(3000)
    expect(source.problems().map(({ origin }) => origin.replace(`${dir}/`, ''))).toEqual([
      'a.yaml:24002:1',
      'a.yaml:24003',
      'a.yaml:24003',
    ])
  })

  test('it can be closed in the middle', async () => {
    await file('a.yaml', many)
    const store = new Store()
    const source = new FileSource({ store, inputs: [dir], follow: true })
    const start = source.start()
    await setTimeout(30)
    await source.close()
    await start
    expect(store.synced).toBe(false)
  })
})
