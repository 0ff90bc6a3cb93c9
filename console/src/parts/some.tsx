// The part of a long list that is drawn, since thousands of rows keep a browser busy for seconds, and a way to the others.

import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { numberText } from './counted.ts'
import { Field } from './field.tsx'

export function Some<T>({
  of,
  search,
  wordsOf,
  perPage = 100,
  children,
}: {
  readonly of: readonly T[]
  /** The label of the search. */
  readonly search: string
  /** The words in which it looks. */
  readonly wordsOf: (one: T) => string
  readonly perPage?: number
  readonly children: (some: readonly T[]) => ComponentChildren
}) {
  const [text, setText] = useState('')
  const [max, setMax] = useState(perPage)
  const isLong = of.length > perPage
  const wanted = text.trim().toLowerCase()
  const fitting = isLong ? of.filter((one) => wordsOf(one).toLowerCase().includes(wanted)) : of
  const some = fitting.slice(0, max)
  return (
    <>
      {isLong && (
        <div class="filters">
          <Field label={search} value={text} onChange={setText} placeholder="any part of it" />
        </div>
      )}
      {isLong && (
        <p role="status">
          {fitting.length === 0
            ? 'None fits.'
            : `${numberText(some.length)} shown of ${numberText(fitting.length)}`}
        </p>
      )}
      {children(some)}
      {fitting.length > max && (
        <button type="button" class="secondary auto" onClick={() => setMax(max + perPage)}>
          Show more
        </button>
      )}
    </>
  )
}
