// Whether the root key of an instance answers, and if not, why.

import type { Answer } from '../api.ts'
import { Say } from './say.tsx'

type Status = Answer<'status'>['instances'][number]

const colours: Record<Status['rootKey'], string> = {
  ok: 'good',
  unknown: 'look',
  unreachable: 'bad',
  withdrawn: 'bad',
  failing: 'bad',
}

export function RootKeyState({ rootKey, rootKeyReason }: Pick<Status, 'rootKey' | 'rootKeyReason'>) {
  return (
    <>
      <span class={`state ${colours[rootKey]}`}>{rootKey === 'ok' ? 'answers' : rootKey}</span>{' '}
      <Say text={rootKeyReason} none="" />
    </>
  )
}
