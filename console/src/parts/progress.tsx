// How far long work is. It goes on in the server when the page is closed.

import type { ComponentChildren } from 'preact'
import { numberText } from './counted.ts'
import { Say } from './say.tsx'

export function Progress({
  label,
  done,
  total,
  trouble = null,
  children,
}: {
  readonly label: string
  /** null: not known yet. */
  readonly done: number | null
  readonly total: number | null
  /** Why it does not go on at the moment. */
  readonly trouble?: string | null
  readonly children?: ComponentChildren
}) {
  const known = done !== null && total !== null && total > 0
  return (
    <div>
      <p>
        {label}
        {known ? `: ${numberText(done)} of ${numberText(total)}` : ''}. You can close this page: the server
        goes on.
      </p>
      <progress aria-label={label} {...(known && { value: done, max: total })} />
      {trouble !== null && (
        <p class="look">
          It waits: <Say text={trouble} />. It tries again by itself.
        </p>
      )}
      {children}
    </div>
  )
}
