// The small files that the configuration names for services of root keys: CAs and credentials. Part of the composition root.

import { readFile } from 'node:fs/promises'
import { RootKeyError } from '../../core/ports/root-key.ts'

/** A file with a credential or a CA for the service of a root key. */
const credentialFileBytesMax = 256 * 1024

/** `variable` names the file in the configuration. Throws RootKeyError('unreachable'). */
export async function readCa(file: string, variable: string): Promise<string> {
  const text = await readSmall(file, variable)
  if (/-----BEGIN CERTIFICATE-----/.test(text)) return text
  throw new RootKeyError('unreachable', `${file} (${variable}) holds no certificate in PEM`)
}

/** Throws RootKeyError('unreachable'), because a missing file may come back. */
export async function readSmall(file: string, variable: string): Promise<string> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new RootKeyError('unreachable', `${file} (${variable}) cannot be read: ${why}`, { cause })
  }
  if (text.length <= credentialFileBytesMax) return text
  throw new RootKeyError('unreachable', `${file} (${variable}) is too large for what it should hold`)
}
