// A committed change leaves work to be done.

/** The writer must do this once the change is committed. */
export interface Effects {
  /** Sealed material was removed: it must leave the WAL too. */
  materialRemoved: boolean
  /** Audit entries wait to be deleted. */
  pruned: boolean
  /** Trust has a higher version. */
  trustRaised: boolean
  /** A checkpoint was among it. */
  checkpointed: boolean
  /** The list of marks has another end. */
  marked: boolean
  /** All marks were signed again: the list may end earlier than before. */
  marksSigned: boolean
}

export function noEffects(): Effects {
  const marks = { marked: false, marksSigned: false }
  return { materialRemoved: false, pruned: false, trustRaised: false, checkpointed: false, ...marks }
}
