// The URIs of root keys on tokens (HSMs), as RFC 7512 writes them. They name a token, a key on it, the vendor's module that reaches the
// token, and the place of the PIN. The parser refuses attributes that Mortise does not use. Its messages never repeat a secret.
//
//     pkcs11:token=prod;object=mortise?pin-source=file:/etc/mortise/hsm.pin
//     pkcs11:serial=1234;id=%01%02;type=private?module-path=/usr/lib/vendor.so&pin-source=credential:hsm-pin

import { RootKeyError } from '../../../core/ports/root-key.ts'

/** The names that a token must have. An attribute that is left out fits every token. */
export interface TokenName {
  readonly token?: string
  readonly serial?: string
  readonly manufacturer?: string
  readonly model?: string
  readonly slotId?: number
}

/** The names that the key must have on the token. */
export interface KeyName {
  readonly object?: string
  /** CKA_ID, in hex. */
  readonly id?: string
  readonly type?: KeyType
}

export type KeyType = 'secret-key' | 'private'

export interface PinSource {
  /** `credential`: systemd gives the PIN to the service as the credential `name`. */
  readonly kind: 'file' | 'credential'
  readonly name: string
}

export interface Pkcs11Uri {
  readonly token: TokenName
  readonly key: KeyName
  /** Left out: the only module that the configuration names. */
  readonly modulePath?: string
  /** Left out: the token wants no PIN. */
  readonly pinSource?: PinSource
}

/** Throws RootKeyError('root-key') with what to write instead. */
export function parsePkcs11Uri(uri: string): Pkcs11Uri {
  const [, path = '', query = ''] =
    /^pkcs11:([^?#]*)(?:\?([^#]*))?$/i.exec(uri) ?? wrong('it has another form')
  // First of all, so that no other message repeats what may be a PIN.
  if (/(^|&)pin-value=/i.test(query))
    throw wrong(
      'pin-value puts the PIN where lists and logs show it. Put the PIN into a file: pin-source=file:/PATH, or pin-source=credential:NAME',
    )
  const named = attributes(path, ';', pathAttributes)
  const inQuery = attributes(query, '&', queryAttributes)
  const token = tokenName(named)
  const key = keyName(named)
  if (Object.keys(token).length === 0) throw wrong('it names no token. Write token=LABEL or serial=NUMBER')
  const modulePath = text(inQuery, 'module-path')
  if (modulePath !== undefined && !modulePath.startsWith('/'))
    throw wrong('module-path must be a whole path that begins with /')
  const source = text(inQuery, 'pin-source')
  return {
    token,
    key,
    ...(modulePath !== undefined && { modulePath }),
    ...(source !== undefined && { pinSource: pinSource(source) }),
  }
}

/** Writes equal URIs for equal parts, whatever the order and the percent-encoding in which an administrator wrote them. */
export function formatPkcs11Uri({ token, key, modulePath, pinSource: pin }: Pkcs11Uri): string {
  const path = [
    part('token', token.token),
    part('manufacturer', token.manufacturer),
    part('model', token.model),
    part('serial', token.serial),
    part('slot-id', token.slotId?.toString()),
    part('object', key.object),
    key.id === undefined ? [] : `id=${key.id.replaceAll(/../g, '%$&')}`,
    part('type', key.type),
  ]
  const query = [
    part('module-path', modulePath),
    part('pin-source', pin === undefined ? undefined : `${pin.kind}:${pin.name}`),
  ]
  const after = query.flat().join('&')
  return `pkcs11:${path.flat().join(';')}${after === '' ? '' : `?${after}`}`
}

/** The URI without the key: the module, the token and the place of its PIN. Each of these URIs has a helper process of its own. */
export function formatToken({ token, modulePath, pinSource: pin }: Pkcs11Uri): string {
  return formatPkcs11Uri({
    token,
    key: {},
    ...(modulePath !== undefined && { modulePath }),
    ...(pin !== undefined && { pinSource: pin }),
  })
}

const pathAttributes = [
  'token',
  'serial',
  'manufacturer',
  'model',
  'slot-id',
  'object',
  'id',
  'type',
] as const
const queryAttributes = ['module-path', 'pin-source'] as const
type Attributes = ReadonlyMap<string, Buffer>

/** Attributes that RFC 7512 knows, and Mortise does not compare. */
const notCompared =
  /^(library-(manufacturer|version|description)|slot-(manufacturer|description)|module-name|x-[\w-]+)$/

function attributes(list: string, separator: ';' | '&', known: readonly string[]): Attributes {
  const values = new Map<string, Buffer>()
  for (const one of list === '' ? [] : list.split(separator)) {
    const [, name, encoded] = /^([a-z][\w-]*)=(.*)$/i.exec(one) ?? []
    // The message does not repeat this part, since it may be a secret in a wrong place.
    if (name === undefined || encoded === undefined)
      throw wrong(`it has a part that is not NAME=VALUE between its "${separator}"`)
    if (notCompared.test(name)) throw wrong(`Mortise does not compare ${name}. Leave it out`)
    if (!known.includes(name))
      throw wrong(
        `${name} has no place ${separator === ';' ? 'before' : 'after'} the "?". There are: ${known.join(', ')}`,
      )
    if (values.has(name)) throw wrong(`${name} is there twice`)
    values.set(name, decoded(name, encoded))
  }
  return values
}

function decoded(name: string, encoded: string): Buffer {
  if (encoded === '') throw wrong(`${name} is empty`)
  // RFC 7512 §2.3: unreserved characters and some others; everything else is percent-encoded.
  if (!/^(?:[\w.~:[\]@!$'()*+,=&/?|-]|%[0-9a-f]{2})*$/i.test(encoded))
    throw wrong(`${name} has characters that must be percent-encoded, such as %20 for a space`)
  return Buffer.from(
    encoded.replaceAll(/%(..)/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    'latin1',
  )
}

function text(values: Attributes, name: string): string | undefined {
  const bytes = values.get(name)
  if (bytes === undefined) return undefined
  const read = bytes.toString('utf8')
  if (!Buffer.from(read).equals(bytes) || /\p{Cc}/u.test(read)) throw wrong(`${name} is no text in UTF-8`)
  return read
}

function tokenName(values: Attributes): TokenName {
  const slotId = text(values, 'slot-id')
  if (slotId !== undefined && !/^\d{1,10}$/.test(slotId)) throw wrong('slot-id must be a number')
  const [token, serial, manufacturer, model] = ['token', 'serial', 'manufacturer', 'model'].map((name) =>
    text(values, name),
  )
  return {
    ...(token !== undefined && { token }),
    ...(serial !== undefined && { serial }),
    ...(manufacturer !== undefined && { manufacturer }),
    ...(model !== undefined && { model }),
    ...(slotId !== undefined && { slotId: Number(slotId) }),
  }
}

function keyName(values: Attributes): KeyName {
  const [object, type] = ['object', 'type'].map((name) => text(values, name))
  const id = values.get('id')?.toString('hex')
  if (type !== undefined && type !== 'secret-key' && type !== 'private')
    throw wrong('type must be secret-key (AES) or private (RSA): no other kind of object seals keys')
  return {
    ...(object !== undefined && { object }),
    ...(id !== undefined && { id }),
    ...(type !== undefined && { type }),
  }
}

function pinSource(source: string): PinSource {
  const file = /^(?:file:(?:\/\/)?)?(\/.+)$/i.exec(source)?.[1]
  if (file !== undefined) return { kind: 'file', name: file }
  const credential = /^credential:([\w.-]{1,200})$/i.exec(source)?.[1]
  if (credential !== undefined && !/^\.+$/.test(credential)) return { kind: 'credential', name: credential }
  throw wrong(
    'pin-source must be file:/PATH, or credential:NAME for one that systemd gives to the service (LoadCredential=)',
  )
}

function part(name: string, value: string | undefined): string[] {
  if (value === undefined) return []
  const encoded = encodeURIComponent(value).replaceAll('%3A', ':').replaceAll('%2F', '/')
  return [`${name}=${encoded}`]
}

/** The message never repeats the URI: an administrator may have written a PIN into it. */
function wrong(why: string): never {
  throw new RootKeyError(
    'root-key',
    `this is not the URI of a root key on a token: ${why}. An example: pkcs11:token=LABEL;object=KEY?pin-source=file:/PATH`,
  )
}
