// The rows that decide access, as values: the fields of each kind, its text form, its MAC, and the list of the MACs of all rows
// (the trust head). Pure, except for the MAC function, which the caller passes in.
//
// A row with a wrong MAC does not count (design: invariant 8). The head lists the MACs of all rows that count. So an old row that
// is put back by hand does not count either, and a row that is removed by hand is noticed.

import type { TrustRow } from '../ports/trust.ts'
import type { Allow } from './allow.ts'
import type { Approval } from './approval.ts'
import type { Upstream } from './upstream.ts'

export type CustodyKind = 'database' | 'keyprotect'
/** From least to most. */
export const roleOrder = ['viewer', 'operator', 'manager'] as const
export type Role = (typeof roleOrder)[number]

export const namesRules = ['unique', 'shared'] as const
export type NamesRule = (typeof namesRules)[number]
export const lengthsRules = ['strict', 'as-sent'] as const
export type LengthsRule = (typeof lengthsRules)[number]
export const restrictionsRules = ['one-way', 'as-sent'] as const
export type RestrictionsRule = (typeof restrictionsRules)[number]

export interface Instance {
  readonly id: string
  readonly name: string
  readonly custody: CustodyKind
  readonly rootKeyUri: string
  readonly cacheSeconds: number
  readonly outageSeconds: number
  /** Days for which a pinned certificate is served after it expired. A client's own setting takes precedence. */
  readonly expiredGraceDays: number
  /** Whether its keys may ever be exported. */
  readonly portable: boolean
  /** How much the instance may hold. Absent: the defaults (instance-limits.ts). */
  readonly objectsMax?: number
  readonly bytesMax?: number
  /** How long a destroyed key can be brought back. Absent: 0, not at all. Only for keys in the database. */
  readonly destroyDelaySeconds?: number
  /** Whether several objects may have the same Name. Absent: no, a Name is unique among objects that are not destroyed. */
  readonly names?: NamesRule
  /** Whether Register accepts a symmetric key whose length differs from the stated one. Absent: no. */
  readonly lengths?: LengthsRule
  /** Whether keys leave wrapped by RSA with the padding of PKCS#1 v1.5, under public keys whose private key is elsewhere. Absent: no. */
  readonly legacyWrap?: boolean
  /**
   * one-way: no client lowers Sensitive or raises Extractable of an existing object, and only `wrappingKeys` may wrap Sensitive
   * keys for a client. Absent: as-sent.
   */
  readonly restrictions?: RestrictionsRule
  /** The keys that only wrap other keys. Absent: none. */
  readonly wrappingKeys?: readonly WrappingKey[]
  readonly createdMs: number
  /**
   * Increases with each restore of the instance, so that a remaining server with an older database cannot write at its root key's
   * service. Absent: it was never restored.
   */
  readonly epoch?: number
  /** Running long work on all its keys, which continues after a restart. */
  readonly work?: InstanceWork
  /** The old server, which is asked for unknown identifiers. Absent: none. */
  readonly upstream?: Upstream
  /** The rules of its clients for new objects (KMIP 2.1 Set Defaults and Set Constraints). Absent: none. */
  readonly objectDefaults?: readonly ClientObjectRule[]
  readonly objectConstraints?: readonly ClientObjectRule[]
  /** A manager closed it: none of its keys is used. Absent: it is open. */
  readonly closed?: InstanceClosing
  /** A manager closed the server, and it with all others. Absent: the server is open. */
  readonly closedWithServer?: InstanceClosing
}

/** The act that closed an instance, or the server. closings.ts has its rules. */
export interface InstanceClosing {
  readonly atMs: number
  /** The name of the person or token. */
  readonly by: string
  readonly reason: string
}

/**
 * A key that managers chose to wrap Sensitive keys. No client may use it in any other way, since that could open the keys that it
 * wrapped. So it stays in the list when it wraps no more.
 */
export interface WrappingKey {
  readonly id: string
  /** Whether it wraps Sensitive keys now. */
  readonly wraps: boolean
}

/** A rule for new objects. core/keys/object/object-rules.ts reads it. */
export interface ClientObjectRule {
  /** Empty: all types. */
  readonly objectTypes: readonly string[]
  /** Empty: objects of any group and of no group. */
  readonly objectGroups: readonly string[]
  /** Attributes in their stored form, in base64. */
  readonly attributes: string
}

/** `move`: to the root key and custody that the instance names. `rewrap`: to the newest version of its root key. */
export interface InstanceWork {
  readonly kind: 'move' | 'rewrap'
  /** The id of this piece of work. New work has another one. */
  readonly id: string
  /** The root key and custody before the move. */
  readonly fromRootKeyUri: string
  readonly fromCustody: CustodyKind
  readonly startedMs: number
}

export interface Client {
  readonly id: string
  readonly instanceId: string
  readonly name: string
  /** Null: the instance's setting applies. */
  readonly expiredGraceDays: number | null
  /**
   * The user name and password that the client must or may send in addition to its certificate. Null: the server ignores
   * credentials from it.
   */
  readonly credential: Credential | null
  /** The operations that it may request. Absent: all. */
  readonly allow?: Allow
  readonly createdMs: number
}

/** `when-sent`: checked if a message has one. `required`: demanded in the messages in which vCenter sends it (credential.ts). */
export interface Credential {
  readonly mode: 'when-sent' | 'required'
  readonly userName: string
  /** A hash of the password; base64. */
  readonly hash: string
  readonly salt: string
  /** Absent: scrypt. */
  readonly kdf?: 'pbkdf2'
  /** scrypt's cost parameter N (r is 8, p is 1), or the iterations of PBKDF2 with HMAC-SHA-512. */
  readonly cost: number
}

/** A pinned certificate of a client. Its id is the SHA-256 of its DER, lower-case hex. */
export interface PinnedCertificate {
  readonly id: string
  readonly clientId: string
  readonly instanceId: string
  /** DER, base64. */
  readonly certificate: string
  readonly createdMs: number
}

/** A CA whose leaves belong to the client if their subject matches. */
export interface Authority {
  readonly id: string
  readonly clientId: string
  readonly instanceId: string
  readonly certificate: string
  readonly subject: string
  /** The trust version that added it. If CAs of two instances vouch for one leaf, the CA with the lower version decides. */
  readonly sinceVersion: number
  readonly createdMs: number
}

/** Records that Mortise's own CA signed a certificate for an instance. Its id is the SHA-256. It grants no trust. */
export interface IssuedCertificate {
  readonly id: string
  readonly instanceId: string
  readonly notAfterMs: number
  readonly createdMs: number
}

/** A client with its certificates and CAs. */
export interface TrustedClient extends Client {
  readonly certificates: readonly PinnedCertificate[]
  readonly authorities: readonly Authority[]
}

/** A permanently blocked certificate. Its id is its SHA-256. */
export interface Block {
  readonly id: string
  readonly reason: string
  readonly createdMs: number
}

export interface Token {
  readonly id: string
  readonly name: string
  readonly role: Role
  readonly instanceId: string | null
  /** SHA-256 of the bearer token (32 random bytes, so no slow hash is needed), hex. */
  readonly sha256: string
  readonly createdMs: number
  readonly expiresMs: number | null
  /** The person who uses it, as its creator stated. Absent: a program, or no known person. */
  readonly owner?: string
  /**
   * The keys (person.ts) of all people besides the owner who may know its text: its maker, the maker of the token that made it,
   * and so on.
   */
  readonly makers?: readonly string[]
  /** Whether the root key made it (`mortise token recover`). */
  readonly recovered?: true
}

/** The session of a person whom the identity provider named. Its text (sessions.ts) is valid only while the row exists. */
export interface PersonSession {
  readonly id: string
  readonly issuer: string
  readonly subject: string
  /** For display only: users of the provider may choose any text. */
  readonly name: string
  /** All names from the provider, including those of earlier logins (person.ts). Absent: a session of an older version. */
  readonly names?: readonly string[]
  /** The person's groups that had a role when the session began. */
  readonly groups: readonly string[]
  readonly through: 'console' | 'cli'
  readonly address: string | null
  readonly startedMs: number
  readonly endsMs: number
}

export interface TrustKinds {
  readonly instance: Instance
  readonly client: Client
  readonly certificate: PinnedCertificate
  readonly authority: Authority
  readonly issued: IssuedCertificate
  readonly block: Block
  readonly token: Token
  readonly session: PersonSession
  readonly approval: Approval
}
export type TrustKind = keyof TrustKinds

export const trustKinds: readonly TrustKind[] = [
  'instance',
  'client',
  'certificate',
  'authority',
  'issued',
  'block',
  'token',
  'session',
  'approval',
]

export interface Macs {
  mac(fields: readonly string[]): Buffer
  macMatches(fields: readonly string[], mac: Uint8Array): boolean
}

/** All rows that count, by kind and id. */
export type TrustTables = { readonly [K in TrustKind]: ReadonlyMap<string, TrustKinds[K]> }

export function trustedClient({ certificate, authority }: TrustTables, client: Client): TrustedClient {
  const isOfClient = ({ clientId }: { readonly clientId: string }) => clientId === client.id
  return {
    ...client,
    certificates: [...certificate.values()].filter(isOfClient),
    authorities: [...authority.values()].filter(isOfClient),
  }
}

export type RowOf = {
  readonly [K in TrustKind]: { readonly kind: K; readonly value: TrustKinds[K] }
}[TrustKind]

/** The tables after the rows are put and removed. */
export function tablesAfter(
  tables: TrustTables,
  change: {
    readonly put?: readonly RowOf[]
    readonly remove?: readonly { readonly kind: TrustKind; readonly id: string }[]
  },
): TrustTables {
  const after = Object.fromEntries(trustKinds.map((kind) => [kind, new Map<string, unknown>(tables[kind])]))
  for (const { kind, id } of change.remove ?? []) after[kind]?.delete(id)
  for (const { kind, value } of change.put ?? []) after[kind]?.set(value.id, value)
  return after as unknown as TrustTables
}

export interface TrustReading {
  readonly tables: TrustTables
  /** MACs (hex) of the rows for the next head, by `kind/id`: the rows that count, and the `withheld` ones. */
  readonly macs: ReadonlyMap<string, string>
  /**
   * Certificates (SHA-256) whose block or pin is in the list but was altered or removed by hand. They are refused until an
   * administrator trusts them again. Without its block or pin a certificate could count through a CA, even in another instance.
   */
  readonly withheld: ReadonlySet<string>
  /**
   * Genuine rows, by `kind/id`, that only a newer version understands. They stay in the list, and this version does not change
   * them.
   */
  readonly newer: ReadonlySet<string>
  /** Rows that were altered without the server, or that a newer version wrote, in sentences. */
  readonly alarms: readonly string[]
  /** False if the head itself does not count. Then no row counts, and no row may be changed. */
  readonly intact: boolean
}

/** The rows at this trust version. */
export interface TrustSnapshot extends TrustReading {
  readonly version: number
}

const headKind = 'head'

/**
 * The newest form of rows that this version understands. A row that needs a later version states a higher number in its field
 * `form`. A new kind of row is a new form too. A version that writes a new form must follow one that reads it, because nodes of
 * two consecutive versions may run on one store.
 */
export const trustForm = 1

export function makeRow<K extends TrustKind>(macs: Macs, kind: K, value: TrustKinds[K]): TrustRow {
  return signed(macs, kind, value.id, JSON.stringify(value))
}

/** The head for `version`, the trust version that the commit will create. */
export function makeHead(macs: Macs, version: number, rowMacs: ReadonlyMap<string, string>): TrustRow {
  return signed(macs, headKind, 'trust', JSON.stringify({ version, rows: Object.fromEntries(rowMacs) }))
}

/** Separates the genuine rows from the others. */
export function readRows(macs: Macs, version: number, rows: readonly TrustRow[]): TrustReading {
  const alarms: string[] = []
  const head = readHead(macs, version, rows, alarms)
  const listed = head ?? new Map<string, string>()
  const tables = Object.fromEntries(trustKinds.map((kind) => [kind, new Map<string, unknown>()]))
  const counted = new Map<string, string>()
  const newer = new Set<string>()
  const present = new Set<string>()
  for (const row of rows) {
    if (row.kind === headKind) continue
    const name = `${row.kind}/${row.id}`
    present.add(name)
    const mac = Buffer.from(row.mac).toString('hex')
    if (!macs.macMatches([row.kind, row.id, row.body], row.mac))
      alarms.push(`the row ${name} was not written by this server, or was altered: it does not count`)
    else if (listed.get(name) !== mac) {
      if (head) alarms.push(`the row ${name} is an older one that was put back: it does not count`)
    } else {
      const value = JSON.parse(row.body) as { readonly form?: number }
      const table = tables[row.kind]
      if (table && (value.form ?? 1) <= trustForm) table.set(row.id, value)
      else newer.add(name)
      counted.set(name, mac)
    }
  }
  for (const name of newer)
    alarms.push(`the row ${name} was written by a newer version of Mortise: this one does not act on it`)
  const withheld = new Set([...newer].flatMap((name) => refusedCertificate(name) ?? []))
  for (const [name, mac] of listed) {
    if (counted.has(name)) continue
    if (!present.has(name)) alarms.push(`the row ${name} was removed from the database by hand`)
    const sha256 = refusedCertificate(name)
    if (sha256 === undefined) continue
    withheld.add(sha256)
    counted.set(name, mac)
  }
  const intact = head !== undefined
  return { tables: tables as unknown as TrustTables, macs: counted, withheld, newer, alarms, intact }
}

/** The certificate of a block or pin with this name. It is refused while the row cannot be read. */
function refusedCertificate(name: string): string | undefined {
  return /^(?:block|certificate)\/(.*)$/.exec(name)?.[1]
}

function readHead(
  macs: Macs,
  version: number,
  rows: readonly TrustRow[],
  alarms: string[],
): ReadonlyMap<string, string> | undefined {
  if (version === 0 && rows.length === 0) return new Map()
  const head = rows.find(({ kind }) => kind === headKind)
  if (!head || !macs.macMatches([head.kind, head.id, head.body], head.mac)) {
    alarms.push('the list of trusted rows is missing or was altered: no client, token or instance counts')
    return undefined
  }
  const body = JSON.parse(head.body) as { readonly version: number; readonly rows: Record<string, string> }
  if (body.version !== version) {
    alarms.push(
      'the list of trusted rows is an older one that was put back: no client, token or instance counts',
    )
    return undefined
  }
  return new Map(Object.entries(body.rows))
}

function signed(macs: Macs, kind: string, id: string, body: string): TrustRow {
  return { kind, id, body, mac: macs.mac([kind, id, body]) }
}
