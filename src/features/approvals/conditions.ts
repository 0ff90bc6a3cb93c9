// Conditions of acts that need a second person: requests that wait, a server on which no second person can approve, and a list of acts
// that became shorter.

import type { CommonFacts } from '../../core/conditions/conditions.ts'
import type { GuardedActs } from '../../core/sealing/server-notes.ts'
import { areTwo } from '../../core/trust/second-person.ts'
import type { Approvals } from './needs.ts'
import { stateAt } from '../../core/trust/approval.ts'
import { isoTime } from '../../doors/http/views/shown.ts'
import { dayMs, serverOccurrence, type ConditionLines } from '../../core/conditions/line.ts'

/** After a start that guards fewer acts, status says so for this long. */
const approvalChangeToldDays = 7

export interface ApprovalFacts extends CommonFacts {
  /** Acts that need a second person here; `noted`: as the last start that changed them had them. */
  readonly guard: {
    readonly acts: readonly string[]
    readonly noted: GuardedActs | null
    /** Whether one person could ask and another one approve, as far as the server knows. */
    readonly areTwo: boolean
  }
}

export const approvalConditions = {
  'approval-waits': {
    severity: 'warning',
    meaning:
      'A person asked for an act that needs a second person (approval.for), and no second person has decided about it.',
    action: 'Look at it, then approve or refuse it: mortise approval show ID. Undecided, it ends by itself.',
    find: ({ trust: { tables }, nowMs }) =>
      [...tables.approval.values()]
        .filter((one) => stateAt(one, nowMs) === 'waiting')
        .map(({ id, act, asker, endsMs, instanceId }) => ({
          instanceId: instanceId !== null && tables.instance.has(instanceId) ? instanceId : null,
          about: id,
          message: `${asker.person.name} asked for "${act}", which waits for a second person until ${isoTime(endsMs)} (${id})`,
        })),
  },
  'approval-alone': {
    severity: 'warning',
    meaning:
      'Acts need a second person (approval.for), but no two people are known who could ask and approve: the tokens of managers name no owners, or one person made them all, and no group of an identity provider has managers.',
    action:
      'Let people log in through an identity provider (oidc.roles), or make a manager token for each person (mortise token create --role manager --owner PERSON), with a token that mortise token recover makes; the first token makes them as well while approval.for is without "token create manager".',
    find: ({ guard }) =>
      guard.acts.length > 0 && !guard.areTwo
        ? [
            serverOccurrence(
              `no second person could approve what one person asks for (${guard.acts.join(', ')})`,
            ),
          ]
        : [],
  },
  'approval-changed': {
    severity: 'warning',
    meaning: `The server was started with fewer acts that need a second person in the last ${approvalChangeToldDays} days, or nodes of one server were started with different lists.`,
    action:
      'Make sure that one of you changed approval.for: mortise audit list --action approval.configure. All nodes need the same list.',
    find: ({ guard, nowMs }) => {
      if (!guard.noted) return []
      const { acts, before, atMs, node } = guard.noted
      const without = before.filter((act) => !acts.includes(act))
      const occurrences =
        without.length > 0 && nowMs - atMs < approvalChangeToldDays * dayMs
          ? [
              serverOccurrence(
                `since ${isoTime(atMs)} these need no second person any more: ${without.join(', ')}`,
                'fewer',
              ),
            ]
          : []
      const differs = [...acts].toSorted().join() !== [...guard.acts].toSorted().join()
      return differs
        ? [
            ...occurrences,
            serverOccurrence(
              `${node === null ? 'the server' : `the node ${node}`} was started with another list of acts that need a second person: ${acts.join(', ') || 'none'}`,
              'differs',
            ),
          ]
        : occurrences
    },
  },
} as const satisfies ConditionLines<ApprovalFacts>

export async function approvalFacts(
  { acts, notes, people }: Pick<Approvals, 'acts' | 'notes' | 'people'>,
  common: CommonFacts,
): Promise<ApprovalFacts> {
  const { tables } = common.trust
  // The server learns of members of a group only when they log in.
  const areTwoPeople = () =>
    people.managerGroups(null, tables).length > 0 ||
    areTwo({ tables, nowMs: common.nowMs, loginOf: people.loginOf })
  const noted = (await notes.read('guarded-acts')) ?? null
  return { ...common, guard: { acts, noted, areTwo: acts.length > 0 && areTwoPeople() } }
}
