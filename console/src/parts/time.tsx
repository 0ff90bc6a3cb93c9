// A time, as the reader's machine says it.

import { ago, whole } from './say-time.ts'

export function Time({
  at,
  none = 'never',
}: {
  readonly at: string | null | undefined
  readonly none?: string
}) {
  if (at === null || at === undefined) return <span class="none">{none}</span>
  return (
    <time dateTime={at} title={at}>
      {whole(at)} <small>({ago(at)})</small>
    </time>
  )
}
