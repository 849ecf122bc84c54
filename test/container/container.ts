import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const START = fileURLToPath(new URL('start.ts', import.meta.url))

/** The mounts of an unprivileged container with a read-only root; what is after the root are its volumes. */
const MOUNTS = `
set -eu
root=$1
shift
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
  mount --bind "$1" "$root$1"
  shift
done
shift
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -o remount,bind,ro "$root"
exec "$@"
`

/** How a container is run, in the words of a pod's security context. */
export interface ContainerOptions {
  /** The folder with the image's files; folders for mounts are made in it. */
  readonly root: string
  readonly runAsUser: number
  /** Names without CAP_. */
  readonly capabilities: readonly string[]
  /** Folders and files of the host that are at the same path in the container, writable. */
  readonly volumes: readonly string[]
}

/** The command before the program of a container and its arguments. To be run as root; its mounts go away with the process. */
export function containerCommand(options: ContainerOptions): readonly [string, ...string[]] {
  const { root, runAsUser, capabilities, volumes } = options
  for (const folder of ['proc', 'sys']) mkdirSync(path.join(root, folder), { recursive: true })
  for (const volume of volumes) makeMountPoint(volume, path.join(root, volume))
  const start = [process.execPath, START, root, String(runAsUser), capabilities.join(',')]
  return ['unshare', '--mount', 'sh', '-c', MOUNTS, 'sh', root, ...volumes, '--', ...start]
}

function makeMountPoint(volume: string, place: string): void {
  const isFolder = statSync(volume).isDirectory()
  mkdirSync(isFolder ? place : path.dirname(place), { recursive: true })
  if (!isFolder) writeFileSync(place, '')
}
