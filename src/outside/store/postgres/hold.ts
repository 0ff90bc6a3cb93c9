// Keeps all nodes from writing to a store on PostgreSQL while a command reads all of it, by holding the turn to write (turn.ts). It
// refuses if a server is connected. It changes nothing.

import { counted } from '../../../base/text/counted.ts'
import { StoreUnavailable } from '../../../core/ports/store.ts'
import { otherSchema, type Held } from '../sqlite/hold.ts'
import { postgresTurnMs } from './bounds.ts'
import { connectPostgres, type Connecting } from './connect.ts'
import { asUnavailable } from './errors.ts'
import { knownSchema, refuseOlderThanLeast, schemaVersion, untimed } from './schema.ts'
import type { PostgresSession } from './session.ts'
import { turnLock } from './turn.ts'
import { describePlace } from './url.ts'

const others = `
  SELECT count(*) AS count FROM pg_stat_activity
  WHERE datname = current_database() AND application_name = 'mortise' AND pid <> pg_backend_pid()`

/** Rejects with StoreUnavailable. */
export async function holdPostgres(connecting: Connecting): Promise<Held> {
  const name = describePlace(connecting.place)
  const session = await connectPostgres(connecting)
  try {
    await session.query(
      `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = ${postgresTurnMs}; ${untimed}`,
    )
    await session.query(turnLock)
    await refuse(session, name)
  } catch (error) {
    session.drop()
    throw asUnavailable(`hold ${name}`, error)
  }
  return {
    async check() {
      const gone = `the connection that kept others from writing to ${name} was lost, so they may have written`
      await session.query('SELECT 1').catch((error: unknown) => {
        throw asUnavailable(gone, error)
      })
    },
    close: () => session.end(),
  }
}

async function refuse(session: PostgresSession, name: string): Promise<void> {
  const version = await schemaVersion(session)
  if (version === 0) throw new StoreUnavailable('unavailable', `there is no store in ${name}`)
  await refuseOlderThanLeast(session, name)
  if (version !== knownSchema) throw otherSchema(name, version, knownSchema)
  const { count } = (await session.query(others)).rows[0] ?? {}
  if (Number(count) === 0) return
  throw new StoreUnavailable(
    'busy',
    `${name} is in use: ${counted(Number(count), 'session of Mortise is', 'sessions of Mortise are')} open there. Stop every node, then repeat. (Behind PgBouncer ` +
      'its pool keeps sessions: name PostgreSQL itself)',
  )
}
