// The caller of an operation on keys. The listener creates it and every function passes it on as its first argument.

import type { Actor } from '../ports/audit.ts'
import type { Allow } from './allow.ts'
import type { Consent } from './consent.ts'

/** A KMIP client, or a token of the admin API, that may use the keys of one instance. */
export interface Caller {
  readonly instanceId: string
  readonly actor: Actor
  /** The KMIP operations that it may request. A token's rights follow from its role, in the admin API. */
  readonly allow: Allow
  /** The trust version at which the caller was trusted. A change commits only while that version is current. */
  readonly trustVersion: number
  /** The id of the request in the log and the audit. The listener generates it. */
  readonly requestId: string
  /** The instance is closed: none of its keys is used. */
  readonly isClosed?: true
  /** The approval of a second person for this very act. The act's commit includes the request. */
  readonly consent?: Consent
}

/** The owner of unfinished work. Only the same party may continue it. */
export function partyOf({ instanceId, actor }: Pick<Caller, 'instanceId' | 'actor'>): string {
  return JSON.stringify([instanceId, actor.kind, actor.id])
}

/** The group of a party: the clients and tokens of one instance. */
export function groupOf(party: string): string {
  const end = party.indexOf(',')
  return end < 0 ? party : party.slice(0, end)
}

export function isOfInstance(party: string, instanceId: string): boolean {
  return groupOf(party) === groupOf(JSON.stringify([instanceId, '']))
}

/**
 * Whether there is no place for one more of this party. `held`: the party of each taken place. One instance leaves a quarter of
 * all places to the others, however many clients it has.
 */
export function isFull(
  held: Iterable<string>,
  party: string,
  { partyMax, max }: { readonly partyMax: number; readonly max: number },
): boolean {
  const group = `${groupOf(party)},`
  let [own, ofGroup, all] = [0, 0, 0]
  for (const one of held) {
    all++
    if (one === party) own++
    if (one === party || one.startsWith(group)) ofGroup++
  }
  return own >= partyMax || ofGroup >= Math.ceil((max * 3) / 4) || all >= max
}
