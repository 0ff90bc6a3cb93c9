// The least version that may open a store. A store names the features that a program must know. A program that does not know all
// of them refuses to open it.

/** A feature that a program must know, since a program without it would open what is closed, or damage what is stored. */
export interface StoreFeature {
  /** One word, never changed once it is stored. */
  readonly name: string
  /** The first version of Mortise that knows it. */
  readonly version: string
  /** Why an older program must not open the store. That program shows this text in its refusal. */
  readonly reason: string
}

/** An instance whose clients never lower Sensitive and never raise Extractable, or that has wrapping keys. */
export const oneWayRestrictions: StoreFeature = {
  name: 'one-way-restrictions',
  version: '0.1.0',
  reason:
    'clients of an instance may not loosen Sensitive and Extractable, take Sensitive keys wrapped by any key, or use wrapping keys in other ways, and an older program would let them',
}

/** Marks of destroyed keys (marks.ts). */
export const marksFeature: StoreFeature = {
  name: 'marks',
  version: '0.1.0',
  reason: 'marks of destroyed keys, without which old rows of such a key that were put back are served',
}

/** Instances that a manager closed (closings.ts). */
export const closedInstances: StoreFeature = {
  name: 'closed-instances',
  version: '0.1.0',
  reason: 'an instance or the server was closed, and an older program would hand out its keys',
}

/** The features that this program knows. */
export const knownFeatures: readonly StoreFeature[] = [marksFeature, oneWayRestrictions, closedInstances]

/** The store requires the feature from this commit on. StoreConflict('older-node'): a node is running that does not know it. */
export interface LeastVersionWrite {
  readonly type: 'least-version'
  readonly feature: StoreFeature
}

/**
 * Raises the least version. A change that closes something which an older program would open adds this write to its own commit:
 * from then on no older program opens the store, on SQLite and PostgreSQL, and neither does one that knows no least version. To
 * use it, declare the feature as a constant in this file, add it to `knownFeatures`, and pass it here. Naming a feature twice
 * changes nothing. The commit rejects with OlderNode while a node runs that does not know the feature. The message names the node
 * to upgrade first. Backups, `store copy` and restores carry the features.
 */
export function raiseLeastVersion(feature: StoreFeature): LeastVersionWrite {
  return { type: 'least-version', feature }
}

/** A node of this store runs a version that does not know the feature which the change needs. Nothing was changed. */
export class OlderNode extends Error {
  override readonly name = 'OlderNode'
}

/** Why this program must not open a store that names these features. Null: it may. `known`: the features of this program. */
export function tooOldFor(
  named: readonly StoreFeature[],
  known: readonly StoreFeature[] = knownFeatures,
): string | null {
  const unknown = named.filter(({ name }) => !known.some((one) => one.name === name))
  const [least] = unknown
    .map(({ version }) => version)
    .toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true }))
  if (least === undefined) return null
  const reasons = unknown.map(({ name, version, reason }) => `${name} (since ${version}): ${reason}`)
  return (
    `it needs Mortise ${least} or newer, which knows ${reasons.join('; ')}. Nothing was changed. Start that version. Going back to this ` +
    'one is a restore of a backup, or of a copy of the database, that was made before: keys that were made since are lost, and ' +
    'what was destroyed, revoked, blocked or removed since is open again (docs/upgrade.md)'
  )
}
