// Whether the root key of an instance answers, and if not, why.

import type { Answer } from '../api.ts'
import { Say } from './say.tsx'

type Status = Answer<'status'>['instances'][number]

export function RootKeyState({ rootKey, rootKeyReason }: Pick<Status, 'rootKey' | 'rootKeyReason'>) {
  return (
    <>
      <span class={`state ${rootKey === 'ok' ? 'good' : 'bad'}`}>
        {rootKey === 'ok' ? 'answers' : rootKey}
      </span>{' '}
      <Say text={rootKeyReason} none="" />
    </>
  )
}
