// Files that commands read and write. `-` is standard input or output. A file that exists is replaced only with --force.

import { randomBytes } from 'node:crypto'
import {
  access,
  constants,
  lstat,
  mkdir,
  open,
  readFile,
  readdir,
  rename,
  rm,
  rmdir,
  stat,
  type FileHandle,
} from 'node:fs/promises'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import { parseCertificates } from '../../core/pki/certificate.ts'
import { PkiError } from '../../core/pki/error.ts'
import { decodeText, pemText, readPaste } from '../../core/pki/paste.ts'
import { plainJson } from './text/output.ts'
import { CommandError, type World } from './world.ts'

const inputBytesMax = 64 * 1024
/** A list of identifiers may be long; what is much larger is another file. */
const namedBytesMax = 256 * 1024 * 1024

/** Reads a PEM or another small file. The caller finds out what it is. */
export async function readInput({ stdin, stderr }: World, file: string): Promise<Buffer> {
  if (file === '-' && stdin.isTTY === true)
    stderr.write('Paste it here, then press Ctrl-D on a line of its own:\n')
  const content = file === '-' ? await buffer(stdin) : await readNamed(file, inputBytesMax)
  requireSize(file, content.length, inputBytesMax)
  return content
}

function requireSize(file: string, bytes: number, bytesMax: number): void {
  if (bytes > bytesMax) throw new CommandError(`${file} is too large: at most ${bytesMax} bytes`)
}

/** For commands that give an instance a root key or an API key. `readApiKey` reads the file. */
export const apiKeyFlag = [
  '--ibm-api-key-file <file>',
  'a file with the API key of the instance for Key Protect or HPCS (default: the one it has, or that of the server)',
] as const

/** Reads the API key in a file. Never repeats the file's other contents in an error. */
export async function readApiKey(world: World, file: string): Promise<string> {
  const text = (await readInput(world, file)).toString('utf8').trim()
  if (/^[\x21-\x7e]{1,1000}$/.test(text) && !text.startsWith('{')) return text
  throw new CommandError(
    `${file} should hold an API key, on one line and nothing else`,
    'Take the value of "apikey" from the JSON that IBM Cloud gives: jq -r .apikey key.json > FILE',
  )
}

/** Reads a file as PEM. DER and UTF-16 are converted. PkiError for PKCS #12 and #7. */
export async function readPem(
  world: World,
  file: string,
  label: 'CERTIFICATE' | 'CERTIFICATE REQUEST',
): Promise<string> {
  const content = await readInput(world, file)
  const kind = label === 'CERTIFICATE' ? 'certificate' : 'certificate request'
  // DER of a certificate or request begins with a SEQUENCE whose length takes two bytes.
  if (content[0] !== 0x30 || content[1] !== 0x82) return decodeText(content, kind)
  return readPaste(content, kind)
    .map((der) => pemText(label, der))
    .join('')
}

/** age recipients as they are; any other word names a file with one certificate, which becomes its PEM. Nothing else leaves this machine. */
export async function readRecipients(world: World, words: readonly string[]): Promise<string[]> {
  return Promise.all(
    words.map(async (word) => (/^age1/i.test(word) ? word : recipientIn(word, await readInput(world, word)))),
  )
}

function recipientIn(file: string, content: Buffer): string {
  if (content.includes('AGE-SECRET-KEY-'))
    throw new CommandError(
      `${file} holds an age identity, which stays with its owner`,
      'Give its recipient instead, which begins with age1: age-keygen -y FILE prints it.',
    )
  try {
    const [certificate, ...others] = parseCertificates(content)
    if (certificate && others.length === 0) return certificate.pem
    throw new PkiError(`This holds ${others.length + 1} certificates, and a recipient is one of them.`)
  } catch (error) {
    if (!(error instanceof PkiError)) throw error
    throw new CommandError(
      `${file} is no recipient: ${error.message}`,
      'A recipient begins with age1, or is a file with one certificate.',
      { cause: error },
    )
  }
}

/** Reads a whole file, unless it is so large that it is another one than was meant. */
export async function readNamed(file: string, bytesMax = namedBytesMax): Promise<Buffer> {
  try {
    requireSize(file, (await stat(file)).size, bytesMax)
    return await readFile(file)
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(fileTrouble('read', file, error), undefined, { cause: error })
  }
}

/** A file to read as it comes. */
export interface OpenedInput {
  readonly bytes: AsyncIterable<Uint8Array>
  /** null: of standard input it is not known. */
  readonly size: number | null
  readonly modifiedMs: number | null
}

/** Opens a file that may be large, or standard input. The caller reads it to its end, or leaves its loop. */
export async function openInput({ stdin, stderr }: World, file: string): Promise<OpenedInput> {
  if (file === '-') {
    if (stdin.isTTY === true) stderr.write('Paste it here, then press Ctrl-D on a line of its own:\n')
    return { bytes: asBytes(stdin), size: null, modifiedMs: null }
  }
  return openNamed(file)
}

/** Opens a file that may be large. The caller reads it to its end, or leaves its loop. */
export async function openNamed(file: string): Promise<OpenedInput> {
  try {
    const handle = await open(file, 'r')
    const about = await handle.stat()
    if (about.isDirectory()) {
      await handle.close()
      throw Object.assign(new Error('is a folder'), { code: 'EISDIR' })
    }
    return { bytes: handle.createReadStream(), size: about.size, modifiedMs: about.mtimeMs }
  } catch (error) {
    throw new CommandError(fileTrouble('read', file, error), undefined, { cause: error })
  }
}

async function* asBytes(stream: NodeJS.ReadableStream): AsyncGenerator<Uint8Array> {
  for await (const part of stream) yield Buffer.from(part)
}

/**
 * Refuses files that exist, unless `force` is given, and files in a folder that does not or that this user may not write to. Commands call it first, so that they
 * do nothing whose result they could not write. `-` is always free.
 */
export async function mustBeFree(files: readonly string[], force: boolean): Promise<void> {
  for (const file of files) {
    if (file === '-') continue
    const stats = await lstat(file).catch(() => undefined)
    if (stats?.isDirectory()) throw new CommandError(fileTrouble('write', file, { code: 'EISDIR' }))
    if (stats && !stats.isFile())
      throw new CommandError(
        `${file} is a link or a device; neither is written to`,
        'Name the file itself, or - for standard output.',
      )
    if (stats && !force)
      throw new CommandError(fileTrouble('write', file, { code: 'EEXIST' }), 'Replace it with --force.')
    await mustHaveFolder(file)
  }
}

/** Makes a folder for files, closed to others, if there is none. The result removes again what was made, if it is empty. */
export async function makeFolder(folder: string): Promise<() => Promise<void>> {
  const whole = path.resolve(folder)
  try {
    const first = await mkdir(whole, { recursive: true, mode: 0o700 })
    return async () => {
      if (first === undefined) return
      for (let at = whole; at.length >= first.length; at = path.dirname(at)) await rmdir(at).catch(() => {})
    }
  } catch (error) {
    const taken =
      error instanceof Error && 'code' in error && (error.code === 'EEXIST' || error.code === 'ENOTDIR')
    const why = taken ? `${folder} is no folder` : fileTrouble('write', folder, error)
    throw new CommandError(why, undefined, { cause: error })
  }
}

async function mustHaveFolder(file: string): Promise<void> {
  const folder = await stat(path.dirname(file)).catch(() => undefined)
  if (!folder?.isDirectory()) throw new CommandError(fileTrouble('write', file, { code: 'ENOENT' }))
  await access(path.dirname(file), constants.W_OK | constants.X_OK).catch((error: unknown) => {
    throw new CommandError(fileTrouble('write', file, error), undefined, { cause: error })
  })
}

/** Content that was written but is not in its place yet. */
export interface StagedFile {
  /** Puts it in its place. */
  keep(): Promise<void>
  /** Removes it. What was in its place before stays. */
  discard(): Promise<void>
}

/** Writes beside a file that exists and may be replaced (`force`), otherwise in its place. `mode` 0o600 for secrets. */
export async function stageFile(
  file: string,
  content: string | Uint8Array,
  { mode, force }: { readonly mode: number; readonly force: boolean },
): Promise<StagedFile> {
  await mustBeFree([file], force)
  const written = force ? await partialOf(file) : file
  const troubled = (error: unknown): never => {
    throw new CommandError(fileTrouble('write', file, error), undefined, { cause: error })
  }
  const handle = await open(written, 'wx', mode).catch(troubled)
  try {
    await handle.writeFile(content)
    await handle.sync()
    await handle.close()
  } catch (error) {
    await handle.close()
    await rm(written, { force: true })
    troubled(error)
  }
  return {
    keep: async () => {
      if (force) await rename(written, file)
    },
    discard: async () => rm(written, { force: true }),
  }
}

/** Writes a whole file. */
export async function writeFile(
  file: string,
  content: string | Uint8Array,
  options: { readonly mode: number; readonly force: boolean },
): Promise<void> {
  const staged = await stageFile(file, content, options)
  await staged.keep()
}

/** Writes lines of JSON to a file that appears, or is replaced, only once all of them are written. Returns their number. */
export async function writeLines(
  world: World,
  file: string,
  lines: AsyncIterable<string>,
  force: boolean,
): Promise<number> {
  if (file === '-') return writeEach(lines, (line) => world.stdout.write(line))
  const mayAppear = () => mustBeFree([file], force)
  await mayAppear()
  return writeWhole(file, mayAppear, (handle) => writeEach(lines, (line) => handle.writeFile(line)))
}

/**
 * Writes a file, mode 0600, that appears, or replaces another, only once its content is whole and on the disk. Calls
 * `mayAppear` just before, which rejects if it may not.
 */
export async function writeWhole<T>(
  file: string,
  mayAppear: () => Promise<void>,
  write: (handle: FileHandle) => Promise<T>,
): Promise<T> {
  const partial = await partialOf(file)
  const handle = await open(partial, 'wx', 0o600).catch((error: unknown) => {
    throw new CommandError(fileTrouble('write', file, error), undefined, { cause: error })
  })
  try {
    const result = await write(handle)
    await handle.sync()
    await handle.close()
    await mayAppear()
    await rename(partial, file)
    return result
  } catch (error) {
    await handle.close()
    await rm(partial, { force: true })
    // The system's own errors name the call that failed; whatever `write` reads from has errors of other classes.
    if (!(error instanceof Error && 'syscall' in error)) throw error
    throw new CommandError(fileTrouble('write', file, error), undefined, { cause: error })
  }
}

/**
 * A name beside the file that no other command uses, since two may write one file at once. Removes what killed commands
 * left there.
 */
async function partialOf(file: string): Promise<string> {
  const folder = path.dirname(file)
  const prefix = `${path.basename(file)}.`
  for (const name of await readdir(folder).catch(() => []))
    if (name.startsWith(prefix) && isLeft(name.slice(prefix.length)))
      await rm(path.join(folder, name), { force: true })
  return `${file}.${process.pid}-${randomBytes(4).toString('hex')}.mortise-partial`
}

/** Whether the process in this ending of a name has ended. */
function isLeft(ending: string): boolean {
  const [, pid] = /^(\d{1,9})-[0-9a-f]{8}\.mortise-partial$/.exec(ending) ?? []
  if (pid === undefined) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH'
  }
}

async function writeEach(lines: AsyncIterable<string>, write: (line: string) => unknown): Promise<number> {
  let count = 0
  for await (const line of lines) {
    await write(`${plainJson(line)}\n`)
    count++
  }
  return count
}

function fileTrouble(what: 'read' | 'write', file: string, error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
  if (code === 'ENOENT')
    return what === 'read' ? `there is no file ${file}` : `there is no folder for ${file}`
  if (code === 'EACCES') return `${file}: this user may not ${what} it`
  if (code === 'EEXIST') return `${file} exists already; it is not overwritten`
  if (code === 'EISDIR') return `${file} is a folder`
  if (code === 'ENOSPC') return `the disk of ${path.resolve(file)} is full`
  return `${file}: ${error instanceof Error ? error.message : String(error)}`
}
