import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'

/** What an image says of how it is run. */
export interface ImageConfig {
  readonly architecture: string
  readonly config: {
    readonly User: string
    readonly Entrypoint: readonly string[]
    readonly Labels: Readonly<Record<string, string>>
  }
  readonly rootfs: { readonly diff_ids: readonly string[] }
}

/** An image archive that was unpacked. */
export interface UnpackedImage {
  /** The folder with its files. */
  readonly root: string
  readonly config: ImageConfig
  /** Of the manifest. */
  readonly digest: string
  /** The reference under which a container runtime files it. */
  readonly name: string
}

interface Descriptor {
  readonly digest: string
  readonly size: number
}

interface Index {
  readonly manifests: readonly (Descriptor & { readonly annotations: Readonly<Record<string, string>> })[]
}

interface Manifest {
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
}

/** Unpacks an archive as a container runtime does. @throws Error when a size or a digest is not what the archive says. */
export function unpackImage(archive: string, folder: string): UnpackedImage {
  const layout = path.join(folder, 'layout')
  const root = path.join(folder, 'root')
  for (const made of [layout, root]) mkdirSync(made)
  execFileSync('tar', ['--extract', '--file', archive, '--directory', layout])
  const blob = (descriptor: Descriptor) => readBlob(layout, descriptor)
  const index = JSON.parse(readFileSync(path.join(layout, 'index.json'), 'utf8')) as Index
  const [entry, ...more] = index.manifests
  if (entry === undefined || more.length > 0) throw new Error('the archive must have one image')
  const manifest = JSON.parse(blob(entry).toString()) as Manifest
  const config = JSON.parse(blob(manifest.config).toString()) as ImageConfig
  for (const [at, layer] of manifest.layers.entries()) {
    const tar = gunzipSync(blob(layer))
    check(`layer ${at}`, tar, config.rootfs.diff_ids[at])
    // Who runs this does not own the files of an image: it must get by on their modes.
    execFileSync('tar', ['--extract', '--same-permissions', '--directory', root], { input: tar })
  }
  return { root, config, digest: entry.digest, name: entry.annotations['io.containerd.image.name'] ?? '' }
}

function readBlob(layout: string, { digest, size }: Descriptor): Buffer {
  const bytes = readFileSync(path.join(layout, 'blobs', digest.replace(':', '/')))
  if (bytes.length !== size) throw new Error(`${digest} has ${bytes.length} bytes, and not ${size}`)
  check('blob', bytes, digest)
  return bytes
}

function check(what: string, bytes: Buffer, digest: string | undefined): void {
  const actual = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  if (actual !== digest) throw new Error(`${what} is ${actual}, and not ${digest}`)
}
