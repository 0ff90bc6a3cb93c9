// Lists that come in pages from the server: the pages so far, and a button for the next one.

import { useEffect, useState } from 'preact/hooks'
import type { ComponentChildren } from 'preact'
import { call, type Answer, type ApiError, type Input, type RouteName } from '../api.ts'
import { asApiError } from '../ask.ts'
import { Problem } from './answer.tsx'

/** `name`: a route whose query takes `after` and whose answer has it. */
export function usePages<N extends RouteName, T>(
  name: N | null,
  input: Input<N>,
  itemsOf: (answer: Answer<N>) => readonly T[],
): {
  readonly items: readonly T[] | undefined
  readonly error: ApiError | undefined
  readonly isAsking: boolean
  readonly hasMore: boolean
  readonly more: () => void
  readonly again: () => void
} {
  const [state, setState] = useState<{ items: readonly T[] | undefined; after: string | null }>({
    items: undefined,
    after: null,
  })
  const [error, setError] = useState<ApiError>()
  const [isAsking, setAsking] = useState(false)
  const [turn, setTurn] = useState(0)
  const asked = JSON.stringify([name, input])
  const ask = async (after: string | null, before: readonly T[], isOver: () => boolean): Promise<void> => {
    if (name === null) return
    setAsking(true)
    try {
      const { query } = input as { query?: object }
      const whole = { ...input, query: { ...query, ...(after !== null && { after }) } }
      const answer = await (call as (name: N, input: unknown) => Promise<Answer<N>>)(name, whole)
      if (isOver()) return
      setState({ items: [...before, ...itemsOf(answer)], after: (answer as { after: string | null }).after })
      setError(undefined)
    } catch (caught) {
      if (!isOver()) setError(asApiError(caught))
    }
    if (!isOver()) setAsking(false)
  }
  useEffect(() => {
    let isOver = false
    setState({ items: undefined, after: null })
    setError(undefined)
    void ask(null, [], () => isOver)
    return () => {
      isOver = true
    }
  }, [asked, turn])
  return {
    ...state,
    error,
    isAsking,
    hasMore: state.after !== null,
    more: () => void ask(state.after, state.items ?? [], () => false),
    again: () => setTurn((before) => before + 1),
  }
}

export function Paged<T>({
  pages,
  none,
  children,
}: {
  readonly pages: ReturnType<typeof usePages<RouteName, T>>
  /** What stands here if there is nothing. */
  readonly none: ComponentChildren
  readonly children: (items: readonly T[]) => ComponentChildren
}) {
  const { items, error, isAsking, hasMore, more, again } = pages
  return (
    <>
      {error && <Problem error={error} retry={again} />}
      {!items && !error && <p aria-busy="true">Asking the server</p>}
      {items && (items.length === 0 ? <p>{none}</p> : children(items))}
      {items && hasMore && (
        <button type="button" class="secondary" onClick={more} aria-busy={isAsking} disabled={isAsking}>
          Show more
        </button>
      )}
    </>
  )
}
