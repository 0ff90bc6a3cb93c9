// Whether standard keys can be made, read and deleted where a root key is: tried at once with one of no value, so that
// a role which is missing is told before the first key needs it. The service bills each for a month and nobody else
// looks after these, so that what a lost answer may have left is looked for (remains.ts), and what earlier trials left
// is deleted.

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  RootKeyError,
  StandardKeyUncertain,
  type NewStandardKey,
  type StandardKeys,
} from '../../ports/root-key.ts'
import { limits } from '../../limits.ts'
import { Remains, within } from './remains.ts'

const namePrefix = 'mortise-trial-'
const description = 'mortise 1 trial: may be deleted'

/**
 * Sentences for the administrator. Throws RootKeyError: 'unreachable', or 'root-key' with what is missing. Where a key
 * of the trial may be left over either names it.
 */
export async function tryStandardKeys(shelf: StandardKeys): Promise<readonly string[]> {
  const name = `${namePrefix}${randomBytes(8).toString('hex')}`
  const payload = randomBytes(32)
  const remains = new Remains(shelf, name)
  let failure: unknown
  let forgotten: readonly string[] = []
  try {
    const id = await make(shelf, { name, description, payload }, remains)
    if (!payload.equals(await shelf.read(id)))
      throw new RootKeyError(
        'unreachable',
        `the standard key ${name} (${id}) holds something else than was put in`,
      )
    forgotten = await within(limits.standardKeyTrialSweepMs, listForgotten(shelf)).catch(() => [])
  } catch (error) {
    failure = error
  }
  const undeleted = await remains.clear()
  failure ??= undeleted
  if (failure !== undefined) throw failed(failure, remains)
  await within(limits.standardKeyTrialSweepMs, removeAll(shelf, forgotten)).catch(() => undefined)
  if (!remains.unanswered) return []
  return [
    `An answer of the service was lost, and no standard key was found for it. ${remains.sentences.join(' ')}`,
  ]
}

/** All attempts have one name: what was made without an answer is found by it. */
async function make(shelf: StandardKeys, wanted: NewStandardKey, remains: Remains): Promise<string> {
  let untilMs: number | undefined
  for (let attempt = 1; ; attempt++) {
    try {
      const id = await shelf.create(wanted)
      remains.made(id)
      return id
    } catch (error) {
      if (!(error instanceof StandardKeyUncertain)) throw error
      remains.notAnswered()
      untilMs ??= performance.now() + limits.standardKeyTrialAgainMs
      if (attempt >= limits.standardKeyTriesMax || performance.now() >= untilMs) throw error
      await sleep(limits.standardKeyLookAfterMs)
    }
  }
}

/**
 * Ids of what trials left that were cut off long ago, whoever's they were: they hold nothing. The clock is the
 * service's own: much older than the newest, none can belong to a trial that runs.
 */
async function listForgotten(shelf: StandardKeys): Promise<readonly string[]> {
  const untilMs = performance.now() + limits.standardKeyTrialSweepMs
  const trials: { readonly id: string; readonly createdMs: number }[] = []
  for await (const page of shelf.list(namePrefix, { deleted: false })) {
    for (const { id, createdMs, ...key } of page)
      if (key.description === description && createdMs !== null) trials.push({ id, createdMs })
    if (performance.now() >= untilMs) break
  }
  const newestMs = trials.reduce((newest, { createdMs }) => Math.max(newest, createdMs), 0)
  return trials
    .filter(({ createdMs }) => createdMs < newestMs - limits.standardKeyGivenUpMs)
    .map(({ id }) => id)
}

/** What is not done in time is left to the next trial. */
async function removeAll(shelf: StandardKeys, ids: readonly string[]): Promise<void> {
  const untilMs = performance.now() + limits.standardKeyTrialSweepMs
  for (const id of ids) {
    if (performance.now() >= untilMs) return
    await shelf.remove(id)
  }
}

/** Of the whole root key: for this custody it will not do. */
function failed(error: unknown, remains: Remains): unknown {
  if (!(error instanceof RootKeyError)) return error
  const { sentences } = remains
  const reach = error.reach === 'unreachable' ? 'unreachable' : 'root-key'
  if (error instanceof StandardKeyUncertain && error.cause instanceof Error && sentences.length === 0) {
    const message = `${error.cause.message}. What it made all the same is deleted again: try once more`
    return new RootKeyError(reach, message, { cause: error })
  }
  return new RootKeyError(reach, [`${error.message}.`, ...sentences].join(' '), { cause: error })
}
