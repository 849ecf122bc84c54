import { randomBytes } from 'node:crypto'
import { open, readFile, realpath, rename, stat, unlink } from 'node:fs/promises'
import path from 'node:path'

/** How many characters are put together before they are written. */
const PIECE_LENGTH = 1 << 20

/**
 * Makes a file have just this text, such that whoever reads it, also after a power cut, finds the text from before or this one,
 * never a part. It is written beside, and takes the place with one rename; a symbolic link stays, and so does the file's mode.
 *
 * @param file its directory must exist, and be writable
 * @param pieces the text, or pieces of it
 * @returns false when the file has that text already: then it is left alone
 * @throws Error when the file cannot be written, or is none, such as a directory or a device
 */
export async function writeAtomically(file: string, pieces: string | Iterable<string>): Promise<boolean> {
  const text = Buffer.concat(buffers(typeof pieces === 'string' ? [pieces] : pieces))
  const target = await resolve(file)
  const found = await stat(target).catch(absent)
  if (found !== undefined && !found.isFile()) throw new Error(`${file} is no file`)
  if (found?.size === text.length && text.equals(await readFile(target))) return false
  const folder = path.dirname(target)
  const beside = path.join(folder, `.${path.basename(target)}.${randomBytes(6).toString('hex')}`)
  try {
    await writeWhole(beside, text, found?.mode)
    await rename(beside, target)
  } catch (error) {
    await unlink(beside).catch(() => undefined)
    throw error
  }
  await syncFolder(folder)
  return true
}

function buffers(pieces: Iterable<string>): Buffer[] {
  const whole: Buffer[] = []
  let piece = ''
  for (const text of pieces) {
    piece += text
    if (piece.length < PIECE_LENGTH) continue
    whole.push(Buffer.from(piece))
    piece = ''
  }
  whole.push(Buffer.from(piece))
  return whole
}

/** Where a link leads, also one to a file that does not exist yet. */
async function resolve(file: string): Promise<string> {
  return (await realpath(file).catch(absent)) ?? file
}

async function writeWhole(file: string, text: Buffer, mode: number | undefined): Promise<void> {
  const handle = await open(file, 'wx', 0o666)
  try {
    if (mode !== undefined) await handle.chmod(mode & 0o7777)
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The rename is on the disk only when the directory is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
