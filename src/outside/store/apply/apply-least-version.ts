// The features that the store requires (core/ports/least-version.ts). A program that does not know all of them may not open the
// store.

import { tooOldFor, type StoreFeature } from '../../../core/ports/least-version.ts'
import { StoreConflict, StoreUnavailable } from '../../../core/ports/store.ts'
import { textIn } from '../row.ts'
import { all, get, run, type Steps } from '../steps.ts'

/**
 * Requires the feature from now on. Programs that do not know it are shut out, including running ones that gave no sign of life
 * recently.
 */
export function* nameFeature({ name, version, reason }: StoreFeature): Steps<void> {
  const older = yield* get('olderNode', name)
  if (older)
    throw new StoreConflict(
      'older-node',
      `the node ${textIn(older, 'name')} runs Mortise ${textIn(older, 'version')}, which does not know ${name} (since ${version}: ${reason}). ` +
        'Upgrade that node or stop it, then repeat',
    )
  yield* run('nameFeature', name, version, reason)
  yield* run('shutOutOlder', name)
}

export function* storedFeatures(): Steps<readonly StoreFeature[]> {
  return (yield* all('features')).map((row) => ({
    name: textIn(row, 'name'),
    version: textIn(row, 'version'),
    reason: textIn(row, 'reason'),
  }))
}

/** Throws StoreUnavailable if this program does not know a feature that the store names. `store`: its name for people. */
export function refuseOlderProgram(named: readonly StoreFeature[], store: string): void {
  const why = tooOldFor(named)
  if (why !== null) throw new StoreUnavailable('unavailable', `${store} is not opened: ${why}`)
}
