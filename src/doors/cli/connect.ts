// Finds the server. The command line beats the environment, the environment beats a profile that it names, and without any
// of them the data folder leads to the local server. Also here: what to do when the server does not answer.

import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { AdminClient, AdminUnreachable, type AdminTarget, type OnWaiting } from '../http/client.ts'
import { withoutLogin } from '../../base/text/without-login.ts'
import { parseCertificate } from '../../core/pki/certificate.ts'
import { readNamed } from './files.ts'
import { readSession, storeSession } from './stored-session.ts'
import { CommandError, UsageError, type Profile, type World } from './world.ts'

export interface ConnectOptions extends Partial<Profile> {
  readonly config?: string
  readonly data?: string
  readonly profile?: string
}

export async function connectAdmin(
  world: World,
  options: ConnectOptions,
  onWaiting?: OnWaiting,
): Promise<AdminClient> {
  const chosen = choose(world, options)
  const [at, tokenFile] = [await addressOf(chosen), tokenFileOf(chosen)]
  if (tokenFile !== undefined) return new AdminClient({ ...at, token: await readToken(tokenFile) }, onWaiting)
  const session = await readSession(world.user, at.url)
  if (session !== undefined) return withSession(world, at, session, onWaiting)
  if ('remote' in chosen)
    throw new UsageError(
      'a remote server needs a token: --token-file FILE or MORTISE_TOKEN_FILE; or log in there: mortise login',
    )
  return new AdminClient({ ...at, token: await readLeft(chosen.folder, 'admin-token') }, onWaiting)
}

/** Connects without a token, for calls that need none. */
export async function connectAsNobody(
  world: World,
  options: ConnectOptions,
): Promise<{ readonly admin: AdminClient; readonly url: string }> {
  const at = await addressOf(choose(world, options))
  return { admin: new AdminClient({ ...at, token: '' }), url: at.url }
}

/** By the session that `mortise login` stored, whatever token there is. */
export async function connectWithSession(world: World, options: ConnectOptions): Promise<AdminClient> {
  const at = await addressOf(choose(world, options))
  return withSession(world, at, (await readSession(world.user, at.url)) ?? '')
}

function withSession(world: World, at: Address, session: string, onWaiting?: OnWaiting): AdminClient {
  // A session whose next text cannot be kept only ends sooner.
  const onRenewed = (text: string) => storeSession(world.user, at.url, text).catch(() => undefined)
  return new AdminClient({ ...at, token: session, onRenewed }, onWaiting)
}

/** The server of a data folder, whatever the user has configured. */
export async function connectToFolder(folder: string): Promise<AdminClient> {
  return new AdminClient({ ...(await localAddress(folder)), token: await readLeft(folder, 'admin-token') })
}

/** The server that a command asks. */
type Chosen =
  | { readonly remote: Profile }
  /** The server of a data folder. `tokenFile` takes the place of the token there. */
  | { readonly folder: string; readonly tokenFile: string | undefined }

/**
 * --admin, --profile or --data on the command line name the server, otherwise MORTISE_ADMIN_URL, otherwise MORTISE_PROFILE,
 * otherwise the configured data folder. The token of a profile goes to the server of that profile only.
 */
function choose(world: World, options: ConnectOptions): Chosen {
  const { environment, profile: profileOf } = world.user
  const { admin, profile, config, data } = options
  const [first, second] = (['admin', 'profile', 'data'] as const).filter(
    (name) => options[name] !== undefined,
  )
  if (second !== undefined) throw new UsageError(`give --${first} or --${second}, not both`)
  const { tokenFile } = environment
  const fromEnvironment = tokenFile === undefined ? {} : { tokenFile }
  if (admin !== undefined) return { remote: merged({ admin, ...fromEnvironment }, options) }
  if (profile !== undefined) return { remote: merged(profileOf(profile), options) }
  const isLocal = data !== undefined || config !== undefined
  if (!isLocal && environment.admin !== undefined)
    return { remote: merged({ admin: environment.admin, ...fromEnvironment }, options) }
  if (!isLocal && environment.profile !== undefined)
    return { remote: merged({ ...profileOf(environment.profile), ...fromEnvironment }, options) }
  for (const name of ['adminCa', 'adminFingerprint'] as const)
    if (options[name] !== undefined)
      throw new UsageError(`${flagOf[name]} belongs to --admin URL or --profile NAME, which is missing`)
  return {
    folder: world.dataFolder({ config, data }),
    tokenFile: options.tokenFile ?? (isLocal ? undefined : tokenFile),
  }
}

const flagOf = { adminCa: '--admin-ca', adminFingerprint: '--admin-fingerprint' }

/** The command line's own token and certificate replace the known ones. */
function merged(known: Profile, { tokenFile, adminCa, adminFingerprint }: ConnectOptions): Profile {
  if (adminCa !== undefined && adminFingerprint !== undefined)
    throw new UsageError('give --admin-ca or --admin-fingerprint, not both')
  const { adminCa: knownCa, adminFingerprint: knownFingerprint, ...rest } = known
  const trust =
    adminCa !== undefined
      ? { adminCa }
      : adminFingerprint !== undefined
        ? { adminFingerprint }
        : {
            ...(knownCa !== undefined && { adminCa: knownCa }),
            ...(knownFingerprint !== undefined && { adminFingerprint: knownFingerprint }),
          }
  return { ...rest, ...trust, ...(tokenFile !== undefined && { tokenFile }) }
}

type Address = Omit<AdminTarget, 'token'>

function addressOf(chosen: Chosen): Promise<Address> {
  return 'remote' in chosen ? remoteAddress(chosen.remote) : localAddress(chosen.folder)
}

function tokenFileOf(chosen: Chosen): string | undefined {
  return 'remote' in chosen ? chosen.remote.tokenFile : chosen.tokenFile
}

/** Where the server of a data folder listens, and by what it is recognized. */
export async function localAddress(folder: string): Promise<Address> {
  const url = await readLeft(folder, 'admin-address')
  if (!URL.canParse(url))
    throw new CommandError(
      `${path.join(folder, 'admin-address')} holds no address`,
      'The server writes it again when it is started: mortise serve',
    )
  return { url, trust: { by: 'authority', pem: await readLeft(folder, 'admin-ca.pem') } }
}

/** Reads what the server left in its data folder. */
async function readLeft(folder: string, name: string): Promise<string> {
  try {
    return (await readFile(path.join(folder, name), 'utf8')).trim()
  } catch (error) {
    throw noLocalServer(folder, name, error)
  }
}

function noLocalServer(folder: string, name: string, error: unknown): CommandError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EACCES')
    return new CommandError(
      `this user may not read ${path.join(folder, name)}`,
      'Run the command as the user that runs the server, or use --admin URL --token-file FILE.',
    )
  // The server writes the token before the address, so it was there and was removed.
  if (name === 'admin-token' && existsSync(path.join(folder, 'admin-address')))
    return new CommandError(
      `no server has left its token in ${folder} (${name})`,
      'Name another one with --token-file FILE, or log in: mortise login. If all are lost, make one by means of the root key: mortise token recover',
      { cause: error },
    )
  return new CommandError(
    `no server has left its address in ${folder} (${name})`,
    'Start one there (mortise serve), name its data folder (--data DIR), or name a server elsewhere (--admin URL --token-file FILE, or --profile NAME).',
    { cause: error },
  )
}

async function remoteAddress({ admin, ...trust }: Profile): Promise<Address> {
  if (!/^https:\/\/[^/@]+\/?$/.test(admin) || !URL.canParse(admin))
    throw new UsageError(
      `a server has an address such as https://kms.example.com:5697, not ${withoutLogin(admin)}`,
    )
  return { url: admin, trust: await trustOf(trust) }
}

async function readToken(file: string): Promise<string> {
  const token = (await readNamed(file)).toString('utf8').trim()
  if (!/^[\x21-\x7e]+$/.test(token)) throw new CommandError(`${file} holds no token`)
  return token
}

async function trustOf({ adminCa, adminFingerprint }: Omit<Profile, 'admin'>): Promise<AdminTarget['trust']> {
  if (adminCa !== undefined) return { by: 'authority', pem: parseCertificate(await readNamed(adminCa)).pem }
  if (adminFingerprint === undefined) return { by: 'system' }
  const sha256 = adminFingerprint.replaceAll(/[:\s]/g, '').toLowerCase()
  if (!/^[0-9a-f]{64}$/.test(sha256))
    throw new UsageError('--admin-fingerprint takes a whole SHA-256: 64 hexadecimal digits')
  return { by: 'fingerprint', sha256 }
}

/** Advises a person whose server does not answer. */
export function unreachableHint({
  code,
  message,
}: Pick<AdminUnreachable, 'code' | 'message'>): string | undefined {
  if (code === 'ECONNREFUSED') return 'The server is not running. Start it: mortise serve'
  if (code === 'ETIMEDOUT')
    return 'The server hangs, or a firewall or another program is in its place. On its machine: mortise health, and the end of its log.'
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return 'There is no way to it from this network.'
  if (code === 'ECONNRESET' || code === 'EPROTO' || /^(HPE|ERR_SSL)_/.test(code ?? ''))
    return 'Is this the port of the admin API? It is 5697 unless admin.listen says otherwise; clients of KMIP use another one.'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'DNS does not know its name.'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return 'Its certificate does not contain the name used. Use one that it contains, or --admin-fingerprint SHA256.'
  if (code === 'CERT_NOT_YET_VALID' || code === 'CERT_HAS_EXPIRED')
    return 'Compare the clocks of this machine and of the server. --admin-fingerprint SHA256 trusts the certificate whatever its dates are.'
  if (code !== undefined && /CERT|SIGNATURE|ISSUER/.test(code))
    return 'Say which certificate to trust: --admin-ca FILE (admin-ca.pem in its data folder) or --admin-fingerprint SHA256.'
  if (/broke off in the middle/.test(message)) return 'Its log says why; mortise status may do so, too.'
  if (/does not understand/.test(message))
    return 'Is it a Mortise of another version? Use the command of that version: what it was asked for may be done.'
  if (/another certificate/.test(message))
    return 'If the certificate was renewed, give the new fingerprint. If not, this is not your server.'
  return undefined
}
