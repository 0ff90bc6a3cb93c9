// Access keys of the fake of AWS KMS, in files as AWS's tools have them.

import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { CloudFake } from './fake.ts'

/** A new access key, known to the fake; the file that has it. `seconds`: of a session that ends. */
export async function accessKeyFile(
  fake: CloudFake,
  { name = 'credentials', seconds = 0 } = {},
): Promise<string> {
  const id = `AKIA${randomBytes(8).toString('hex').toUpperCase()}`
  const secret = randomBytes(30).toString('base64')
  const token = seconds === 0 ? undefined : randomBytes(40).toString('base64')
  await fake.tell('access-key', { id, secret, token, seconds })
  const file = path.join(fake.folder, name)
  const session = token === undefined ? '' : `aws_session_token = ${token}\n`
  const lines = `[default]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n${session}`
  writeFileSync(file, lines, { mode: 0o600 })
  return file
}
