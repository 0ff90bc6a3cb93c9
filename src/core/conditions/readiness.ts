// Conditions of a node that are known without its store: whether it serves, hands out keys and takes changes.

import type { ReadinessFacts } from '../server/readiness-facts.ts'
import { serverIsClosed } from '../trust/closings.ts'
import { serverOccurrence, type ConditionLines } from './line.ts'

export const readinessConditions = {
  'not-ready': {
    severity: 'critical',
    meaning: 'This node cannot serve any key.',
    action: 'Read the last lines of its log: they say why.',
    find: ({ readiness: { ready, reason } }) =>
      ready || reason === serverIsClosed
        ? []
        : [serverOccurrence(`this node cannot serve: ${reason ?? 'its log says why'}`)],
  },
  'no-key-handed-out': {
    severity: 'critical',
    meaning:
      'A Get was refused, since its record could not be stored: the disk of the data folder is full, fails or hangs, or the audit log has taken no record of a read for a minute. Mortise hands out no key whose record is not stored.',
    action:
      'Make room on the disk of the data folder, or see to the disk or the database, as the message says. The server tries once a second, and goes on by itself where the message does not tell you to start it again.',
    find: ({ readiness: { refused } }) =>
      refused === null ? [] : [serverOccurrence(`no key is handed out: ${refused}`)],
  },
  'changes-refused': {
    severity: 'critical',
    meaning:
      'The store refuses changes, usually because the disk is full, or keeps them waiting, since the disk does not answer. Existing keys are served.',
    action:
      'Make room on the disk of the data folder, or see to the disk, as the message says. The server goes on by itself where the message does not tell you to start it again.',
    find: ({ readiness: { ready, reason } }) =>
      ready && reason !== null ? [serverOccurrence(`no change is made: ${reason}`)] : [],
  },
} as const satisfies ConditionLines<{ readonly readiness: ReadinessFacts }>
