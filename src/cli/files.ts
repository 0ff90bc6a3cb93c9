// Files that commands read and write; `-` is standard input or output.

import { lstat, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { plainJson } from './output.ts'
import { CommandError, type World } from './world.ts'

const inputBytesMax = 64 * 1024

/** A PEM or another small file, as bytes: what it is, is found out by who reads it. */
export async function readInput({ stdin, stderr }: World, file: string): Promise<Buffer> {
  if (file === '-' && stdin.isTTY === true)
    stderr.write('Paste it here, then press Ctrl-D on a line of its own:\n')
  const content = file === '-' ? await buffer(stdin) : await readNamed(file)
  if (content.length > inputBytesMax)
    throw new CommandError(`${file} is too large: at most ${inputBytesMax} bytes`)
  return content
}

/** The API key that a file holds, for the admin door. Of what else is in the file nothing is told. */
export async function readApiKey(world: World, file: string): Promise<string> {
  const text = (await readInput(world, file)).toString('utf8').trim()
  if (/^[\x21-\x7e]{1,1000}$/.test(text) && !text.startsWith('{')) return text
  throw new CommandError(
    `${file} should hold an API key, on one line and nothing else`,
    'Of the JSON that IBM Cloud gives, take the value of "apikey": jq -r .apikey key.json > FILE',
  )
}

/** As text for the admin door: PEM as it is, DER wrapped. */
export async function readPem(world: World, file: string, label: string): Promise<string> {
  const content = await readInput(world, file)
  // DER of a certificate or request begins with a SEQUENCE whose length takes two bytes.
  if (content[0] !== 0x30 || content[1] !== 0x82) return content.toString('utf8')
  const lines = content.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

export async function readNamed(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    throw new CommandError(fileTrouble('read', file, error), undefined, { cause: error })
  }
}

/** So that nothing is done before it turns out that the result cannot be kept. */
export async function mustBeNew(files: readonly string[]): Promise<void> {
  for (const file of files) {
    const found = await stat(file).catch(() => undefined)
    if (found) throw new CommandError(fileTrouble('write', file, { code: 'EEXIST' }))
  }
}

/** Makes a file that is not there yet. `mode` 0o600 for what is secret. */
export async function writeNew(file: string, content: string | Uint8Array, mode: number): Promise<void> {
  try {
    const handle = await open(file, 'wx', mode)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw new CommandError(fileTrouble('write', file, error), undefined, { cause: error })
  }
}

/**
 * Writes lines of JSON to a file that appears, or is replaced, only once they are all there. A link is not followed: it may lead
 * to a file that somebody else chose.
 */
export async function writeLines(world: World, file: string, lines: AsyncIterable<string>): Promise<number> {
  if (file === '-') {
    const count = await writeEach(lines, (line) => world.stdout.write(line))
    return count
  }
  await mustBeReplaceable(file)
  const partial = `${file}.partial`
  // Of an earlier run, or a link that somebody put there: what it leads to stays as it is.
  await rm(partial, { force: true })
  const handle = await open(partial, 'wx', 0o600).catch((error: unknown) => {
    throw new CommandError(fileTrouble('write', partial, error), undefined, { cause: error })
  })
  try {
    const count = await writeEach(lines, (line) => handle.write(line))
    await handle.sync()
    await handle.close()
    await rename(partial, file)
    return count
  } catch (error) {
    await handle.close()
    await rm(partial, { force: true })
    throw error
  }
}

async function mustBeReplaceable(file: string): Promise<void> {
  const found = await lstat(file).catch(() => undefined)
  if (!found || found.isFile()) return
  throw new CommandError(
    found.isDirectory()
      ? fileTrouble('write', file, { code: 'EISDIR' })
      : `${file} is no file but a link or a device, which is not followed`,
    'Name the file itself, or - for standard output.',
  )
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
  if (code === 'EEXIST') return `${file} is there already; it is not overwritten`
  if (code === 'EISDIR') return `${file} is a folder`
  return `${file}: ${error instanceof Error ? error.message : String(error)}`
}
