// Text that others wrote: subjects, names, addresses. It is shown as text, with its unusual characters made visible.

import { visible } from './visible.ts'

export function Say({
  text,
  none = '–',
}: {
  readonly text: string | null | undefined
  readonly none?: string
}) {
  if (text === null || text === undefined || text === '') return <span class="none">{none}</span>
  return (
    <bdi class="said">
      {visible(text).map((part) =>
        typeof part === 'string' ? (
          part
        ) : (
          <span class="code-point" title="an unusual character">
            {part.code}
          </span>
        ),
      )}
    </bdi>
  )
}
