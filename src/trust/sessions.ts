// The texts of sessions: whoever shows a token in the console gets one, which ends by itself. The text carries
// all that there is to know, under a MAC, so each node of a server takes the sessions of every other and none is
// stored. A session holds no more than its token: the token is looked up with each request, and ends its sessions.
// The session of a person whom the identity provider named has such a text too; what counts of it is stored (people.ts).

import { randomUUID } from 'node:crypto'
import type { Audit } from '../audit/audit.ts'
import { limits } from '../limits.ts'
import type { AuditEntry } from '../ports/audit.ts'
import type { Clock } from '../ports/clock.ts'
import type { PersonSession, Token } from './rows.ts'

export interface Session {
  readonly id: string
  /** Null: a person's, who logged in through the identity provider. */
  readonly tokenId: string | null
  /** The hash of the token's text: a token that is made anew is another one. */
  readonly tokenSha256: string | null
  readonly startedMs: number
  /** When the text was made: at the start, or at a request later on. */
  readonly usedMs: number
}

/** No token's text begins so. */
const prefix = 'mortise-session.'
const purpose = 'console session 1'

export class Sessions {
  readonly #macs: SessionMacs
  readonly #clock: Pick<Clock, 'now'>
  /** Sessions that were ended here, or anywhere before this process began, with the time when their texts end by themselves. */
  readonly #ended = new Map<string, number>()

  constructor({ macs, clock }: { readonly macs: SessionMacs; readonly clock: Pick<Clock, 'now'> }) {
    this.#macs = macs
    this.#clock = clock
  }

  static isSession(bearer: string): boolean {
    return bearer.startsWith(prefix)
  }

  begin({ id, sha256 }: Pick<Token, 'id' | 'sha256'>): Session {
    const now = this.#clock.now()
    return { id: randomUUID(), tokenId: id, tokenSha256: sha256, startedMs: now, usedMs: now }
  }

  beginOf({ id, startedMs }: Pick<PersonSession, 'id' | 'startedMs'>): Session {
    return { id, tokenId: null, tokenSha256: null, startedMs, usedMs: this.#clock.now() }
  }

  /** The text that the client sends as its bearer token. */
  textOf({ id, tokenId, tokenSha256, startedMs, usedMs }: Session): string {
    const fields = JSON.stringify([id, tokenId, tokenSha256, startedMs, usedMs])
    const mac = this.#macs.mac([purpose, fields])
    return `${prefix}${Buffer.from(fields).toString('base64url')}.${mac.toString('base64url')}`
  }

  /** Undefined if this server made no such text, or the session is over. */
  read(text: string): Session | undefined {
    const [body = '', mac = ''] = text.slice(prefix.length).split('.')
    const fields = Buffer.from(body, 'base64url').toString('utf8')
    if (!this.#macs.macMatches([purpose, fields], Buffer.from(mac, 'base64url'))) return undefined
    const [id, tokenId, tokenSha256, startedMs, usedMs] = JSON.parse(fields) as SessionFields
    const session = { id, tokenId, tokenSha256, startedMs, usedMs }
    return this.hasEnded(session) || this.#isIdle(session) ? undefined : session
  }

  endsMs({ startedMs }: Session): number {
    return startedMs + limits.sessionMs
  }

  /**
   * The text to go on with; undefined while the present one is young enough. A request in the background, which a page makes
   * by itself, is no use of the session: a page that nobody looks at would never end.
   */
  renewed(session: Session, { isBackground = false } = {}): string | undefined {
    const now = this.#clock.now()
    return isBackground || now - session.usedMs < limits.sessionRenewMs
      ? undefined
      : this.textOf({ ...session, usedMs: now })
  }

  /** This node takes it no more. Another one does until it has been idle for its time. */
  end(session: Session): void {
    const now = this.#clock.now()
    for (const [id, endsMs] of this.#ended) if (endsMs <= now) this.#ended.delete(id)
    this.#ended.set(session.id, this.endsMs(session))
  }

  /**
   * Takes in what was ended before this process began, as the audit log has it. A text that nobody has used for longer counts no
   * more by itself.
   */
  async recall(audit: Pick<Audit, 'list'>): Promise<void> {
    const query = {
      action: 'session.end',
      sinceMs: this.#clock.now() - limits.sessionIdleMs,
      order: 'newest',
      limit: limits.listPageMax,
    } as const
    let page = await audit.list(query)
    for (;;) {
      for (const { body } of page.entries) {
        const { atMs, detail } = JSON.parse(body) as AuditEntry
        const id = detail?.['session']
        if (typeof id === 'string') this.#ended.set(id, atMs + limits.sessionMs)
      }
      if (page.after === null) return
      page = await audit.list({ ...query, after: page.after })
    }
  }

  /** Whether somebody ended it, or its time is over. A request that is under way asks again. */
  hasEnded(session: Session): boolean {
    if (this.#ended.has(session.id)) return true
    return session.tokenId !== null && this.#clock.now() >= this.endsMs(session)
  }

  #isIdle({ tokenId, usedMs }: Session): boolean {
    return tokenId !== null && this.#clock.now() >= usedMs + limits.sessionIdleMs
  }
}

type SessionFields = [string, string | null, string | null, number, number]

interface SessionMacs {
  readonly mac: (fields: readonly string[]) => Buffer
  readonly macMatches: (fields: readonly string[], mac: Uint8Array) => boolean
}
