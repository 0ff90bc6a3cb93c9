// Flags of the commands that connect to a KMIP server, Mortise or another one, as a client: its address, the client's
// certificate, and how to recognize the server.

import { addressText, parseAddress, type Address } from '../../base/kmip-address.ts'
import { withoutLogin } from '../../base/text/without-login.ts'
import type { ServerTrust } from '../../outside/kmip-client/tls.ts'
import { usernameAndPassword } from '../../wire/kmip/credential.ts'
import { PkiError } from '../../core/pki/error.ts'
import { parseFingerprint } from '../../core/pki/fingerprint.ts'
import { readAuthority, readClientPair } from './client-pair.ts'
import { readNamed } from './files.ts'
import { CommandError, UsageError, type World } from './world.ts'

export interface ServerTrustOptions {
  readonly ca?: string
  readonly fingerprint?: string
  readonly insecure?: boolean
}

export const serverTrustFlags = [
  ['--ca <pem>', 'recognize the server by the CA that signed its certificate, and by its name'],
  ['--fingerprint <sha256>', 'recognize the server by its certificate'],
  ['--insecure', 'accept any server'],
] as const

/** Reads the addresses of one server, separated by commas. `flag` is for errors. */
export function addressesOf(text: string, flag = '--server'): readonly Address[] {
  const addresses = text.split(',').map((one) => addressOf(one, flag))
  const names = addresses.map(addressText)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new UsageError(`${flag} names ${twice} twice`)
  return addresses
}

export function addressOf(text: string, flag = '--server'): Address {
  const address = parseAddress(text.replace(/^kmip:\/\//i, ''))
  if (address) return address
  const [, host] = /^[a-z]+:\/\/(?:.*@)?([^/:]+)/i.exec(text) ?? []
  const instead =
    host === undefined
      ? ''
      : `. KMIP has no web address: give ${host}:5696, or the port on which it speaks KMIP, and nothing behind it`
  throw new UsageError(`${flag} takes HOST or HOST:PORT, not ${withoutLogin(text)}${instead}`)
}

export async function serverTrustOf(
  world: World,
  { ca, fingerprint, insecure }: ServerTrustOptions,
): Promise<ServerTrust> {
  if ([ca, fingerprint, insecure].filter((way) => way !== undefined).length !== 1)
    throw new UsageError(
      'say how to recognize the server: give one of --fingerprint SHA256, --ca PEM, --insecure',
    )
  if (ca !== undefined) return { by: 'authority', pem: await readAuthority(world, ca) }
  if (fingerprint !== undefined)
    return { by: 'fingerprint', sha256: readSha256('--fingerprint', fingerprint) }
  return { by: 'nothing' }
}

function readSha256(flag: string, text: string): string {
  try {
    return parseFingerprint(text)
  } catch (error) {
    if (!(error instanceof PkiError)) throw error
    throw new UsageError(`${flag}: ${error.message}`)
  }
}

/** Reads the user name and password of a key provider: `USER:PASSWORD` in the first line of a file. */
export async function readCredential(file: string): Promise<ReturnType<typeof usernameAndPassword>> {
  const [line = ''] = (await readNamed(file)).toString('utf8').split(/\r?\n/)
  const colon = line.indexOf(':')
  if (colon < 1) throw new CommandError(`${file} holds no USER:PASSWORD in its first line`)
  return usernameAndPassword({ username: line.slice(0, colon), password: line.slice(colon + 1) })
}

/** The server that keys are adopted from. The caller must say how to recognize it: wrong bytes from a machine in the middle would stay. */
export interface OldServerFlags {
  readonly cert?: string
  readonly key?: string
  readonly ca?: string
  readonly fingerprint?: string
}

export const oldServerFlags = [
  ['--cert <pem>', 'a client certificate that the old server trusts'],
  ['--key <pem>', 'its private key'],
  ['--ca <pem>', 'recognize the old server by the CA that signed its certificate, and by its name'],
  ['--fingerprint <sha256>', 'recognize the old server by its certificate'],
] as const

/** Where the old service left its keys as standard keys. */
export const standardKeyFlags = [
  [
    '--root-key <uri>',
    'the root key that the old service used: keyprotect://HOST/INSTANCE/KEY or hpcs://...',
  ],
  ['--api-key-file <file>', 'file with the API key of a service ID that may read standard keys (ReaderPlus)'],
] as const

export async function oldServerOf(
  world: World,
  hosts: readonly string[],
  { cert, key, ca, fingerprint }: OldServerFlags,
  flag: string,
  /** The names of the other flags begin with it, after their two hyphens. */
  prefix = '',
) {
  if (cert === undefined || key === undefined)
    throw new UsageError(
      `--${prefix}cert PEM and --${prefix}key PEM are needed: a client certificate that the old server trusts, and its private key`,
    )
  if ((ca === undefined) === (fingerprint === undefined))
    throw new UsageError(
      `say how to recognize the old server: give --${prefix}ca PEM or --${prefix}fingerprint SHA256. Wrong bytes from an attacker in the middle would stay`,
    )
  const trust =
    ca === undefined
      ? ({ by: 'fingerprint', sha256: readSha256(`--${prefix}fingerprint`, fingerprint ?? '') } as const)
      : ({ by: 'authority', pem: await readAuthority(world, ca) } as const)
  return {
    addresses: addressesOf(hosts.join(','), flag),
    ...(await readClientPair(world, cert, key)),
    trust,
  }
}

/** UsageError where flags of the old service are given without it. */
export function requireKmip({
  kmip,
  cert,
  key,
  ca,
  fingerprint,
}: OldServerFlags & { readonly kmip?: string }): void {
  if (kmip === undefined && [cert, key, ca, fingerprint].some((flag) => flag !== undefined))
    throw new UsageError('--cert, --key, --ca and --fingerprint belong to --kmip HOST, which is missing')
}

/** The old server in the form that the admin API takes. */
export function oldServerBody({ addresses, cert, key, trust }: Awaited<ReturnType<typeof oldServerOf>>) {
  return {
    servers: addresses.map(addressText),
    certificate: cert,
    privateKey: key.toString('utf8'),
    trust: trust.by === 'authority' ? { authority: trust.pem } : { fingerprint: trust.sha256 },
  }
}
