// One entry of the audit log: in a sentence, who did what with which result, and whole.

import type { Answer } from '../api.ts'
import { actionWords } from './action-words.ts'
import { Say } from '../parts/say.tsx'

export type AuditEntry = Answer<'listAudit'>['entries'][number]

/** Names a client, a token or a person, somebody unknown, or the server itself. */
export function actorOf({ actor }: Pick<AuditEntry, 'actor'>) {
  const { kind, name, address } = actor
  return (
    <>
      {name !== null || kind === 'client' || kind === 'token' ? <Say text={name} none={kind} /> : kind}
      {address !== null && (
        <>
          {' at '}
          <Say text={address} />
        </>
      )}
    </>
  )
}

export function sentenceOfEntry(entry: AuditEntry) {
  const { action, result, reason } = entry
  return (
    <>
      {actorOf(entry)} {actionWords(action) ?? <code>{action}</code>}
      {result !== 'success' && (
        <>
          {' '}
          <span class="state look">{result}</span>
          {reason !== null && ` ${reason}`}
        </>
      )}
    </>
  )
}
