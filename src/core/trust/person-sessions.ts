// Begins and ends the sessions of people whom the identity provider named. Each session is a row of trust. A removed one is
// invalid on every node from the next request on.

import { randomUUID } from 'node:crypto'
import type { By } from '../audit/actor.ts'
import { idOfSubject, type PersonSubject } from './person.ts'
import type { Grant } from './role-rules.ts'
import type { PersonSession, TrustTables, TrustSnapshot } from './rows.ts'
import {
  TrustForbidden,
  TrustRefused,
  type Present,
  type TrustDraft,
  type TrustEvent,
  type TrustWriter,
} from './writer.ts'

/** Sessions of one person, and of all people. A new session ends the oldest ones. */
export const sessionsPerPersonMax = 20
const personSessionsMax = 1_000
/** Names of one person that a session holds, including those of earlier logins. */
export const personNamesMax = 20

export interface WantedSession extends PersonSubject {
  readonly groups: readonly string[]
  readonly through: PersonSession['through']
  readonly lengthMs: number
}

export class PersonSessionChanges {
  readonly #writer: TrustWriter

  constructor(writer: TrustWriter) {
    this.#writer = writer
  }

  /** `grants` returns the roles of the groups. TrustForbidden if there are none. */
  async begin<A>(
    by: By,
    { lengthMs, ...fields }: WantedSession,
    grants: (tables: TrustTables) => readonly Grant[],
    present: Present<PersonSession, A>,
  ): Promise<A> {
    const decide = ({ tables }: TrustSnapshot, startedMs: number): TrustDraft<PersonSession> => {
      const detail = { through: fields.through, name: fields.name }
      const about = { action: 'session.begin', instanceId: null, detail } as const
      if (grants(tables).length === 0)
        throw new TrustForbidden(
          `${fields.name} may do nothing here: none of the groups that the identity provider names has a role`,
          'An administrator maps groups to roles with oidc.roles.',
          { ...about, object: idOfSubject(fields) },
        )
      const session: PersonSession = {
        ...fields,
        names: namesOf(tables, fields),
        id: randomUUID(),
        address: by.address,
        startedMs,
        endsMs: startedMs + lengthMs,
      }
      const { over, displaced } = surplus(tables, session)
      return {
        put: [{ kind: 'session', value: session }],
        remove: [...over, ...displaced].map(({ id }) => ({ kind: 'session', id })),
        also: displaced.map(ended),
        ...about,
        object: session.id,
        result: session,
      }
    }
    return this.#writer.change(by, decide, present)
  }

  /** TrustRefused if there is no such session. */
  async end(by: By, id: string): Promise<PersonSession> {
    const decide = ({ tables }: TrustSnapshot): TrustDraft<PersonSession> => {
      const session = tables.session.get(id)
      if (!session)
        throw new TrustRefused('not-found', `there is no session ${id}`, 'List them: mortise session list')
      return { remove: [{ kind: 'session', id }], ...ended(session), result: session }
    }
    return this.#writer.change(by, decide)
  }
}

function ended({ id, issuer, subject, name }: PersonSession): TrustEvent {
  const detail = { name, person: idOfSubject({ issuer, subject }) }
  return { action: 'session.end', object: id, instanceId: null, detail }
}

/**
 * The names of a person. If the provider changes a name, the earlier ones stay while a session of the person holds them. If there
 * are too many, the first and the present ones stay.
 */
function namesOf(
  { session }: TrustTables,
  { name, names = [], ...subject }: PersonSubject,
): readonly string[] {
  const before = [...session.values()]
    .filter((one) => idOfSubject(one) === idOfSubject(subject))
    .toSorted((a, b) => a.startedMs - b.startedMs)
  const known = before.flatMap((one) => one.names ?? [one.name])
  const present = [name, ...names]
  return [...new Set([...new Set(known)].slice(0, personNamesMax - present.length).concat(present))]
}

/** The sessions to remove: expired ones, and the oldest ones above the bound of this person or of all people. */
function surplus({ session: known }: TrustTables, added: PersonSession) {
  const all = [...known.values()].toSorted((a, b) => b.startedMs - a.startedMs)
  const [over, open] = [all.filter(isOver), all.filter((one) => !isOver(one))]
  const own = open.filter((one) => idOfSubject(one) === idOfSubject(added))
  const tooMany = [...own.slice(sessionsPerPersonMax - 1), ...open.slice(personSessionsMax - 1)]
  return { over, displaced: [...new Set(tooMany)] }

  function isOver({ endsMs }: PersonSession): boolean {
    return endsMs <= added.startedMs
  }
}
