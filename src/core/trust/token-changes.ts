// Creates and revokes bearer tokens of the admin API. The store has only their SHA-256.

import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { By } from '../audit/actor.ts'
import type { Grantor } from './grantor.ts'
import type { Write } from '../ports/store.ts'
import { idOfSubject, personKeys } from './person.ts'
import { makersOf, personOfSession } from './identity.ts'
import type { Token, TrustSnapshot } from './rows.ts'
import { requireInstance, TrustRefused, type Present, type TrustDraft, type TrustWriter } from './writer.ts'

/** The chain of people and tokens behind a token, each counted once. */
const tokenMakersMax = 100
/** How long a recovered manager token is valid. */
const tokenRecoveryMs = 3600_000

export interface MadeToken {
  readonly token: Token
  readonly bearer: string
}

export class TokenChanges {
  readonly #writer: TrustWriter

  constructor(writer: TrustWriter) {
    this.#writer = writer
  }

  /** Creates a token. Only this answer has the bearer text. `sha256`: the asker already has the text, so the answer lacks it. */
  async create<A = MadeToken>(
    by: By,
    fields: Pick<Token, 'name' | 'role' | 'instanceId' | 'expiresMs' | 'owner'>,
    {
      bearer = newBearer(),
      sha256 = sha256Of(bearer),
      present,
    }: { bearer?: string; sha256?: string; present?: Present<MadeToken, A> } = {},
  ): Promise<A> {
    const decide = (snapshot: TrustSnapshot, createdMs: number): TrustDraft<MadeToken> => {
      if (fields.instanceId !== null) requireInstance(snapshot, fields.instanceId)
      const maker = makerOf(snapshot, by)
      const makers = makersFor(snapshot, by, maker)
      const expiresMs = expiryWithin(maker ?? null, fields.expiresMs)
      const token: Token = { ...fields, expiresMs, id: randomUUID(), sha256, createdMs, makers }
      return {
        put: [{ kind: 'token', value: token }],
        action: 'token.create',
        object: token.id,
        instanceId: token.instanceId,
        detail: {
          name: token.name,
          role: token.role,
          ...(token.owner !== undefined && { owner: token.owner }),
        },
        result: { token, bearer },
      }
    }
    return this.#writer.change(by, decide, present)
  }

  /** Creates a manager's token for a short time, for a person who proved to have the root key. Commits `writes` with it. */
  async recover(by: By, writes: (token: Token) => readonly Write[]): Promise<MadeToken> {
    const bearer = newBearer()
    const decide = (_snapshot: TrustSnapshot, createdMs: number): TrustDraft<MadeToken> => {
      const token = recoveredToken(bearer, createdMs)
      return {
        put: [{ kind: 'token', value: token }],
        writes: writes(token),
        action: 'token.recover',
        object: token.id,
        instanceId: null,
        detail: { name: token.name, role: token.role },
        result: { token, bearer },
      }
    }
    return this.#writer.change(by, decide)
  }

  /**
   * `instanceId`: only a token of that instance. Null: any token. Refuses to revoke the last manager token for all instances,
   * unless the asker manages all of them by login.
   */
  async revoke<A = Token>(
    by: By | Grantor,
    id: string,
    instanceId: string | null,
    present?: Present<Token, A>,
  ): Promise<A> {
    const decide = ({ tables }: TrustSnapshot): TrustDraft<Token> => {
      const token = tables.token.get(id)
      if (!token || (instanceId !== null && token.instanceId !== instanceId))
        throw new TrustRefused('not-found', `there is no token ${id}`, 'List them: mortise token list')
      const others = [...tables.token.values()].filter((other) => other.id !== id)
      if (isMaster(token) && !others.some(isMaster) && !managesByLogin(by))
        throw new TrustRefused(
          'in-use',
          'this is the last manager token for all instances: without it no person could manage this server',
          'Make another one first: mortise token create --role manager. Or log in as a manager of all instances (mortise login), and revoke it then.',
        )
      return {
        remove: [{ kind: 'token', id }],
        action: 'token.revoke',
        object: id,
        instanceId: token.instanceId,
        detail: { name: token.name, role: token.role },
        result: token,
      }
    }
    return this.#writer.change(by, decide, present)
  }
}

/** The token that `mortise token recover` makes. */
export function recoveredToken(bearer: string, createdMs: number): Token {
  return {
    id: randomUUID(),
    name: 'recovered',
    role: 'manager',
    instanceId: null,
    sha256: sha256Of(bearer),
    createdMs,
    expiresMs: createdMs + tokenRecoveryMs,
    recovered: true,
  }
}

/**
 * When a new token of `maker` expires: with `maker` at the latest, unless the root key recovered `maker`, which then may create
 * longer ones. `maker` is null if a person or the server creates the token. Throws TrustRefused for a later time.
 */
export function expiryWithin(maker: Token | null, wantedMs: number | null): number | null {
  const lastMs = maker === null || maker.recovered === true ? null : maker.expiresMs
  if (lastMs === null || wantedMs === null || wantedMs <= lastMs) return wantedMs ?? lastMs
  const last = new Date(lastMs).toISOString()
  throw new TrustRefused(
    'unfit',
    `the token that asks expires at ${last}, and makes none that outlives it`,
    'Ask for fewer days, or for none: then the new one expires with it. Or ask with a token that lives longer.',
  )
}

/** The token of the asker. Undefined: the asker is a person's session or the server itself. */
function makerOf({ tables }: TrustSnapshot, { kind, id }: By): Token | undefined {
  if (kind !== 'token') return undefined
  const maker = tables.token.get(id ?? '')
  // Without its makers, the new token would count as another person's.
  if (!maker) throw new TrustRefused('not-found', 'the token that asks was revoked')
  return maker
}

/** The makers of a new token. The maker may know its text, and so may the maker of the maker's token. */
function makersFor({ tables }: TrustSnapshot, { kind, id }: By, maker: Token | undefined): readonly string[] {
  if (kind === 'person') {
    const sessions = [...tables.session.values()].filter((one) => idOfSubject(one) === id)
    if (sessions.length > 0)
      return [...new Set(sessions.flatMap((session) => personKeys(personOfSession(session))))]
    throw new TrustRefused('not-found', 'the session is over, or was ended', 'Log in again: mortise login')
  }
  const makers = maker ? makersOf(maker) : []
  if (makers.length <= tokenMakersMax) return makers
  throw new TrustRefused(
    'unfit',
    'too many people made this token one after the other',
    'Make the new one with a token that another person made, or that the first token made.',
  )
}

function isMaster({ role, instanceId, expiresMs }: Token): boolean {
  return role === 'manager' && instanceId === null && expiresMs === null
}

/** Whether the asker manages everything by login, which proves that the identity provider and its groups work. */
function managesByLogin(by: By | Grantor): boolean {
  return by.kind === 'person' && 'role' in by && by.role === 'manager' && by.onlyInstanceId === null
}

/** The stored form of a bearer token's text. */
export function sha256Of(bearer: string): string {
  return createHash('sha256').update(bearer).digest('hex')
}

/** A new bearer token's text: 256 random bits. */
export function newBearer(): string {
  return `mortise_${randomBytes(32).toString('base64url')}`
}
