// Finding the server: a local one by what it left in its data folder, a remote one by --admin. And what to say when
// it does not answer.

import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { AdminClient, AdminUnreachable, type AdminTarget } from '../admin/client.ts'
import { parseCertificate } from '../pki/certificate.ts'
import { readNamed } from './files.ts'
import { CommandError, UsageError, type World } from './world.ts'

export interface ConnectOptions {
  readonly config?: string
  readonly data?: string
  readonly admin?: string
  readonly tokenFile?: string
  readonly adminCa?: string
  readonly adminFingerprint?: string
}

export async function connect(world: World, options: ConnectOptions): Promise<AdminClient> {
  return new AdminClient(
    options.admin === undefined ? await local(world, options) : await remote(options.admin, options),
  )
}

async function local(world: World, options: ConnectOptions): Promise<AdminTarget> {
  for (const name of ['tokenFile', 'adminCa', 'adminFingerprint'] as const)
    if (options[name] !== undefined)
      throw new UsageError(`${flagOf[name]} belongs to --admin URL, which is missing`)
  const { config, data } = options
  const folder = world.dataFolder({ config, data })
  const read = async (name: string): Promise<string> => {
    try {
      return (await readFile(path.join(folder, name), 'utf8')).trim()
    } catch (error) {
      throw noLocalServer(folder, name, error)
    }
  }
  const url = await read('admin-address')
  return {
    url,
    token: await read('admin-token'),
    trust: { by: 'authority', pem: await read('admin-ca.pem') },
  }
}

const flagOf = { tokenFile: '--token-file', adminCa: '--admin-ca', adminFingerprint: '--admin-fingerprint' }

function noLocalServer(folder: string, name: string, error: unknown): CommandError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EACCES')
    return new CommandError(
      `this user may not read ${path.join(folder, name)}`,
      'Run the command as the user that runs the server, or use --admin URL --token-file FILE.',
    )
  return new CommandError(
    `no server has left its address in ${folder} (${name})`,
    'Start one there (mortise serve), name its data folder (--data DIR), or one elsewhere (--admin URL --token-file FILE).',
    { cause: error },
  )
}

async function remote(admin: string, options: ConnectOptions): Promise<AdminTarget> {
  if (!/^https:\/\/[^/]+\/?$/.test(admin))
    throw new UsageError('--admin takes an address such as https://kms.example.com:5697')
  if (options.tokenFile === undefined) throw new UsageError('--admin needs --token-file FILE')
  if (options.adminCa !== undefined && options.adminFingerprint !== undefined)
    throw new UsageError('give --admin-ca or --admin-fingerprint, not both')
  const token = (await readNamed(options.tokenFile)).toString('utf8').trim()
  if (!/^\S+$/.test(token)) throw new CommandError(`${options.tokenFile} holds no token`)
  return { url: admin, token, trust: await trustOf(options) }
}

async function trustOf({ adminCa, adminFingerprint }: ConnectOptions): Promise<AdminTarget['trust']> {
  if (adminCa !== undefined) return { by: 'authority', pem: parseCertificate(await readNamed(adminCa)).pem }
  if (adminFingerprint === undefined) return { by: 'system' }
  const sha256 = adminFingerprint.replaceAll(/[:\s]/g, '').toLowerCase()
  if (!/^[0-9a-f]{64}$/.test(sha256))
    throw new UsageError('--admin-fingerprint takes a whole SHA-256: 64 hexadecimal digits')
  return { by: 'fingerprint', sha256 }
}

/** What a person can do about it. */
export function unreachableHint({ code, message }: AdminUnreachable): string | undefined {
  if (code === 'ECONNREFUSED') return 'The server is not running. Start it: mortise serve'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'Its name is not known to DNS.'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return 'Its certificate does not contain the name used. Use one that it contains, or --admin-fingerprint SHA256.'
  if (code !== undefined && /CERT|SIGNATURE|ISSUER/.test(code))
    return 'Say which certificate to trust: --admin-ca FILE (admin-ca.pem in its data folder) or --admin-fingerprint SHA256.'
  if (/another certificate/.test(message))
    return 'If the certificate was renewed, give the new fingerprint. If not, this is not your server.'
  return undefined
}
