/** Work that a change leaves for the writer to do after the commit. */
export interface Effects {
  /** The change removed sealed material, which must leave SQLite's WAL too. */
  materialRemoved: boolean
  /** The change pruned audit entries, whose rows are still to be deleted. */
  pruned: boolean
  /** The change raised the version of trust. */
  trustRaised: boolean
  /** The change added a checkpoint. */
  checkpointed: boolean
  /** The change moved the end of the marks. */
  marked: boolean
  /** The change signed all marks again, so their end may be lower than before. */
  marksSigned: boolean
}

export function noEffects(): Effects {
  const marks = { marked: false, marksSigned: false }
  return { materialRemoved: false, pruned: false, trustRaised: false, checkpointed: false, ...marks }
}
