// What this server needs to speak to Key Protect and HPCS: API key, CA and IAM's address from the configuration, and a
// line in the log for each call with the correlation id by which IBM finds it. Part of the composition root.

import { readFile } from 'node:fs/promises'
import type { Config } from './config.ts'
import { RootKeyError, type Clock } from './keys/ports.ts'
import { limits } from './limits.ts'
import { KeyProtectSessions } from './rootkey/keyprotect/sessions.ts'
import type { Log } from './telemetry/log.ts'

/** The CA's file is read now, the API key's with each token: a key that was replaced is used within the hour. */
export async function openKeyProtectSessions(
  { apiKeyFile, iamUrl, caFile }: Config['ibm'],
  clock: Clock,
  log: Pick<Log, 'debug' | 'warn'>,
): Promise<KeyProtectSessions> {
  const ca = caFile === null ? undefined : await readCa(caFile)
  return new KeyProtectSessions({
    iamUrl,
    ...(ca !== undefined && { ca }),
    apiKey: () => readApiKey(apiKeyFile),
    clock,
    onCall: ({ ms, ...made }) => {
      const failed = !made.repeated && (made.status === null || made.status >= 400)
      log[failed ? 'warn' : 'debug']({ ...made, ms: Math.round(ms) }, 'Key Protect was called')
    },
  })
}

async function readCa(file: string): Promise<string> {
  const text = await readSmall(file, 'MORTISE_IBM_CA_FILE')
  if (/-----BEGIN CERTIFICATE-----/.test(text)) return text
  throw new RootKeyError('unreachable', `${file} (MORTISE_IBM_CA_FILE) holds no certificate in PEM`)
}

async function readApiKey(file: string | null): Promise<string> {
  if (file === null)
    throw new RootKeyError(
      'root-key',
      'root keys in Key Protect and HPCS need the API key of a service ID: put it into a file and set ' +
        'MORTISE_IBM_API_KEY_FILE to its path',
    )
  const text = (await readSmall(file, 'MORTISE_IBM_API_KEY_FILE')).trim()
  if (/^[\x21-\x7e]{1,1000}$/.test(text)) return text
  const message = `${file} (MORTISE_IBM_API_KEY_FILE) should hold an API key, on one line and nothing else`
  throw new RootKeyError('unreachable', message)
}

/** Throws RootKeyError('unreachable'): a file may come back. */
async function readSmall(file: string, variable: string): Promise<string> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new RootKeyError('unreachable', `${file} (${variable}) cannot be read: ${why}`, { cause })
  }
  if (text.length <= limits.ibmFileBytesMax) return text
  throw new RootKeyError('unreachable', `${file} (${variable}) is too large for what it should hold`)
}
