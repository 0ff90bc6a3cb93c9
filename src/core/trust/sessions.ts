// The texts of console sessions. A token buys a session, which expires. The text carries the whole session under a MAC, so each
// node accepts the sessions of the others, and only ended sessions are stored. A session has the rights of its token: each
// request looks up the token, whose revocation ends its sessions. A person's session through the identity provider has such a
// text too, and its state is stored (people.ts).

import { randomUUID } from 'node:crypto'
import { sessionIdleMs } from '../../base/bounds.ts'
import type { AuditEntry } from '../ports/audit.ts'
import type { Clock } from '../ports/clock.ts'
import type { PersonSession, Token } from './rows.ts'
import { TrustRefused } from './writer.ts'

/** Sessions of the console: their longest duration, and the age at which their text is renewed. */
export const sessionMs = 8 * 3600_000
export const sessionRenewMs = 60_000

export interface AdminSession {
  readonly id: string
  /** Null: the session of a person who logged in through the identity provider. */
  readonly tokenId: string | null
  /** The hash of the token's text. A new text of a token counts as another token. */
  readonly tokenSha256: string | null
  readonly startedMs: number
  /** When the text was made: at the start, or at a later request. */
  readonly usedMs: number
}

/** No token's text begins with it. */
const prefix = 'mortise-session.'
const purpose = 'console session 1'

export class Sessions {
  readonly #macs: SessionMacs
  readonly #clock: Pick<Clock, 'now'>
  readonly #ended: Ended

  constructor({ macs, clock, ended }: SessionsOptions) {
    this.#macs = macs
    this.#clock = clock
    this.#ended = ended
  }

  static isSession(bearer: string): boolean {
    return bearer.startsWith(prefix)
  }

  begin({ id, sha256 }: Pick<Token, 'id' | 'sha256'>): AdminSession {
    const now = this.#clock.now()
    return { id: randomUUID(), tokenId: id, tokenSha256: sha256, startedMs: now, usedMs: now }
  }

  beginOf({ id, startedMs }: Pick<PersonSession, 'id' | 'startedMs'>): AdminSession {
    return { id, tokenId: null, tokenSha256: null, startedMs, usedMs: this.#clock.now() }
  }

  /** The text that the client sends as its bearer token. */
  textOf({ id, tokenId, tokenSha256, startedMs, usedMs }: AdminSession): string {
    const fields = JSON.stringify([id, tokenId, tokenSha256, startedMs, usedMs])
    const mac = this.#macs.mac([purpose, fields])
    return `${prefix}${Buffer.from(fields).toString('base64url')}.${mac.toString('base64url')}`
  }

  /** Undefined if this server did not make the text, or if it is too old. `hasEnded` tells whether the session was ended. */
  read(text: string): AdminSession | undefined {
    const [body = '', mac = ''] = text.slice(prefix.length).split('.')
    const fields = Buffer.from(body, 'base64url').toString('utf8')
    if (!this.#macs.macMatches([purpose, fields], Buffer.from(mac, 'base64url'))) return undefined
    const [id, tokenId, tokenSha256, startedMs, usedMs] = JSON.parse(fields) as SessionFields
    const session = { id, tokenId, tokenSha256, startedMs, usedMs }
    return this.#isOver(session) || this.#isIdle(session) ? undefined : session
  }

  endsMs({ startedMs }: AdminSession): number {
    return startedMs + sessionMs
  }

  /**
   * The renewed text. Undefined while the present one is young enough. A background request, which a page sends automatically,
   * does not renew it: otherwise an unattended page would keep the session for ever.
   */
  renewed(session: AdminSession, { isBackground = false } = {}): string | undefined {
    const now = this.#clock.now()
    return isBackground || now - session.usedMs < sessionRenewMs
      ? undefined
      : this.textOf({ ...session, usedMs: now })
  }

  /**
   * Ends a session, so that no node accepts its texts any more. Durable on return, with the audit entry, which names the instance
   * of its token. Throws TrustRefused.
   */
  async end({ id, tokenId }: AdminSession, entry: AuditEntry): Promise<void> {
    const now = this.#clock.now()
    const of = entry.instanceId ?? tokenId ?? id
    // A newer text may exist, made by a node whose clock is ahead.
    if (!(await this.#ended.add({ id, untilMs: now + 2 * sessionIdleMs, of }, now, entry)))
      throw new TrustRefused('in-use', 'too many sessions were ended in the last hour', 'Revoke the token.')
  }

  /** Whether it was ended or has expired. A long request asks again. */
  async hasEnded(session: AdminSession): Promise<boolean> {
    return this.#isOver(session) || this.#ended.has(session.id)
  }

  #isOver(session: AdminSession): boolean {
    return session.tokenId !== null && this.#clock.now() >= this.endsMs(session)
  }

  #isIdle({ tokenId, usedMs }: AdminSession): boolean {
    return tokenId !== null && this.#clock.now() >= usedMs + sessionIdleMs
  }
}

type SessionFields = [string, string | null, string | null, number, number]

interface SessionsOptions {
  readonly macs: SessionMacs
  readonly clock: Pick<Clock, 'now'>
  readonly ended: Ended
}

/** The ended sessions of tokens, on any node. */
interface Ended {
  has(id: string): Promise<boolean>
  /** Keeps each entry until `untilMs`. False: there are too many. */
  add(
    ended: { readonly id: string; readonly untilMs: number; readonly of: string },
    nowMs: number,
    entry: AuditEntry,
  ): Promise<boolean>
}

interface SessionMacs {
  readonly mac: (fields: readonly string[]) => Buffer
  readonly macMatches: (fields: readonly string[], mac: Uint8Array) => boolean
}
