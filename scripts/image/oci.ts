import { createHash } from 'node:crypto'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type Packed, pack } from './pack.ts'

/** A folder that becomes a layer. */
export interface Part {
  /** Said in the image's history. */
  readonly what: string
  readonly folder: string
}

export interface ImageOptions {
  /** A reference with its registry, such as `localhost/sluice:0.1.0`. */
  readonly name: string
  readonly time: Date
  readonly labels: Readonly<Record<string, string>>
  /** Bottom first. */
  readonly parts: readonly Part[]
}

/** An image that was written. */
export interface Image {
  /** `sha256:...` of the manifest, which names the image wherever it is stored. */
  readonly digest: string
  /** With their sizes, compressed, in bytes. */
  readonly layers: readonly { readonly what: string; readonly size: number }[]
}

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

const TYPE = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
}

/** GOARCH of this machine. */
const ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch

/** What runs when nothing else is said: an ordinary user, who can print what would be done, and cannot program a kernel. */
const CONFIG = {
  User: '65532:65532',
  Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
  Entrypoint: ['/usr/bin/sluice'],
  WorkingDir: '/',
}

/**
 * Writes an OCI image layout as one tar file, with the `manifest.json` beside it by which an older `docker load` finds its way.
 * See https://github.com/opencontainers/image-spec (image-layout.md).
 *
 * @param work an empty folder, for what is in the archive.
 */
export async function writeImage(options: ImageOptions, work: string, output: string): Promise<Image> {
  const { name, time, parts } = options
  const blobs = path.join(work, 'blobs/sha256')
  mkdirSync(blobs, { recursive: true })
  const layers: Packed[] = []
  for (const part of parts) layers.push(await writeLayer(part, time, blobs))
  const config = writeBlob(blobs, TYPE.config, imageConfig(options, layers))
  const manifest = writeBlob(blobs, TYPE.manifest, {
    schemaVersion: 2,
    mediaType: TYPE.manifest,
    config,
    layers: layers.map(({ digest, size }) => ({ mediaType: TYPE.layer, digest, size })),
  })
  const annotations = {
    'io.containerd.image.name': name,
    'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
  }
  const platform = { architecture: ARCHITECTURE, os: 'linux' }
  const index = { schemaVersion: 2, mediaType: TYPE.index, manifests: [{ ...manifest, platform, annotations }] }
  const forDocker = [{ Config: blobPath(config), RepoTags: [name], Layers: layers.map(blobPath) }]
  writeFileSync(path.join(work, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  writeFileSync(path.join(work, 'index.json'), JSON.stringify(index))
  writeFileSync(path.join(work, 'manifest.json'), JSON.stringify(forDocker))
  await pack(work, output, { time, gzip: false })
  return { digest: manifest.digest, layers: layers.map(({ size }, at) => ({ what: parts[at]?.what ?? '', size })) }
}

async function writeLayer({ folder }: Part, time: Date, blobs: string): Promise<Packed> {
  const file = path.join(blobs, 'unfinished')
  const layer = await pack(folder, file, { time, gzip: true })
  renameSync(file, path.join(blobs, hexOf(layer)))
  return layer
}

function imageConfig({ time, labels, parts }: ImageOptions, layers: readonly Packed[]): unknown {
  const created = time.toISOString()
  return {
    architecture: ARCHITECTURE,
    os: 'linux',
    created,
    config: { ...CONFIG, Labels: labels },
    rootfs: { type: 'layers', diff_ids: layers.map(({ tarDigest }) => tarDigest) },
    history: parts.map(({ what }) => ({ created, created_by: 'npm run image', comment: what })),
  }
}

function writeBlob(blobs: string, mediaType: string, content: unknown): Descriptor {
  const bytes = Buffer.from(JSON.stringify(content))
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  const descriptor = { mediaType, digest, size: bytes.length }
  writeFileSync(path.join(blobs, hexOf(descriptor)), bytes)
  return descriptor
}

function blobPath(blob: { readonly digest: string }): string {
  return `blobs/sha256/${hexOf(blob)}`
}

function hexOf({ digest }: { readonly digest: string }): string {
  return digest.slice('sha256:'.length)
}
