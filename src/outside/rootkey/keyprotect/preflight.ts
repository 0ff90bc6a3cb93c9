// Checks that Mortise may make, read and delete standard keys beside a root key, by a trial with a standard key of no value, so that a
// missing role is reported before the first real key needs it. The service bills each standard key for a month, and no other code
// deletes those of trials: trial-cleanup.ts deletes what this trial made, answered or not, and this file what earlier trials left.

import { randomBytes } from 'node:crypto'
import type { Clock } from '../../../core/ports/clock.ts'
import {
  RootKeyError,
  StandardKeyUncertain,
  type NewStandardKey,
  type StandardKeys,
} from '../../../core/ports/root-key.ts'
import { standardKeyLookAfterMs, standardKeyTriesMax } from '../../../base/bounds.ts'
import { TrialCleanup, within, type TrialClock } from './trial-cleanup.ts'

/** For this long the server repeats a trial with standard keys that gets no answer. */
const standardKeyTrialAgainMs = 5_000
/** How long the server looks for remains of old trials, and how long it deletes them. */
const standardKeyTrialSweepMs = 5_000
/** A key of a trial that is this much older than the newest one belongs to no running trial: the server deletes it. */
export const standardKeyGivenUpMs = 10 * 60_000

const namePrefix = 'mortise-trial-'
const description = 'mortise 1 trial: may be deleted'

/**
 * Returns sentences for the administrator. Throws RootKeyError: 'unreachable', or 'root-key' with what is missing.
 * Sentences and message name each key of the trial that may be left over.
 */
export async function checkStandardKeys(
  standardKeys: StandardKeys,
  clock: TrialClock,
): Promise<readonly string[]> {
  const name = `${namePrefix}${randomBytes(8).toString('hex')}`
  const payload = randomBytes(32)
  const cleanup = new TrialCleanup(standardKeys, name, clock)
  let failure: unknown
  let forgotten: readonly string[] = []
  try {
    const id = await make(standardKeys, { name, description, payload }, { cleanup, clock })
    if (!payload.equals(await standardKeys.read(id)))
      throw new RootKeyError(
        'unreachable',
        `the standard key ${name} (${id}) holds something else than was put in`,
      )
    forgotten = await within(standardKeyTrialSweepMs, listForgotten(standardKeys, clock), clock).catch(
      () => [],
    )
  } catch (error) {
    failure = error
  }
  const undeleted = await cleanup.run()
  failure ??= undeleted
  if (failure !== undefined) throw failed(failure, cleanup)
  await within(standardKeyTrialSweepMs, removeAll(standardKeys, forgotten, clock), clock).catch(
    () => undefined,
  )
  if (!cleanup.unanswered) return []
  return [
    `An answer of the service was lost, and no standard key was found for it. ${cleanup.sentences.join(' ')}`,
  ]
}

/**
 * Makes the standard key of the trial, and tries again while no answer comes. All attempts use one name, by which TrialCleanup finds a
 * key that the service made without an answer.
 */
async function make(
  standardKeys: StandardKeys,
  standardKey: NewStandardKey,
  { cleanup, clock }: { readonly cleanup: TrialCleanup; readonly clock: TrialClock },
): Promise<string> {
  let untilMs: number | undefined
  for (let attempt = 1; ; attempt++) {
    try {
      const id = await standardKeys.create(standardKey)
      cleanup.made(id)
      return id
    } catch (error) {
      if (!(error instanceof StandardKeyUncertain)) throw error
      cleanup.notAnswered()
      untilMs ??= clock.monotonic() + standardKeyTrialAgainMs
      if (attempt >= standardKeyTriesMax || clock.monotonic() >= untilMs) throw error
      await clock.sleep(standardKeyLookAfterMs)
    }
  }
}

/**
 * The ids of the keys that trials left which were cut off long ago, also trials of other Mortise servers. The keys hold nothing of value.
 * Ages are by the service's clock: a key that is much older than the newest belongs to no trial that still runs.
 */
async function listForgotten(
  standardKeys: StandardKeys,
  clock: Pick<Clock, 'monotonic'>,
): Promise<readonly string[]> {
  const untilMs = clock.monotonic() + standardKeyTrialSweepMs
  const trials: { readonly id: string; readonly createdMs: number }[] = []
  for await (const page of standardKeys.list(namePrefix, { deleted: false })) {
    for (const { id, createdMs, ...key } of page)
      if (key.description === description && createdMs !== null) trials.push({ id, createdMs })
    if (clock.monotonic() >= untilMs) break
  }
  const newestMs = trials.reduce((newest, { createdMs }) => Math.max(newest, createdMs), 0)
  return trials.filter(({ createdMs }) => createdMs < newestMs - standardKeyGivenUpMs).map(({ id }) => id)
}

/** Deletes these keys until the time is over. The next trial deletes the rest. */
async function removeAll(
  standardKeys: StandardKeys,
  ids: readonly string[],
  clock: Pick<Clock, 'monotonic'>,
): Promise<void> {
  const untilMs = clock.monotonic() + standardKeyTrialSweepMs
  for (const id of ids) {
    if (clock.monotonic() >= untilMs) return
    await standardKeys.remove(id)
  }
}

/** A refusal of any call concerns the root key as a whole: it does not suit this custody. */
function failed(error: unknown, { sentences }: TrialCleanup): unknown {
  if (!(error instanceof RootKeyError)) return error
  const reach = error.reach === 'unreachable' ? 'unreachable' : 'root-key'
  if (error instanceof StandardKeyUncertain && error.cause instanceof Error && sentences.length === 0) {
    const message = `${error.cause.message}. Mortise has deleted what the service made all the same: try once more`
    return new RootKeyError(reach, message, { cause: error })
  }
  return new RootKeyError(reach, [`${error.message}.`, ...sentences].join(' '), { cause: error })
}
