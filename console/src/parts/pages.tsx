// Lists that come in pages from the server: the pages so far, and a button for the next one.

import { useState } from 'preact/hooks'
import type { ComponentChildren } from 'preact'
import { call, type Answer, type ApiError, type Input, type RouteName } from '../api.ts'
import { useAct, useAsk, type Every } from '../ask.ts'
import { Problem } from './answer.tsx'

export interface Pages<T> {
  readonly items: readonly T[] | undefined
  readonly error: ApiError | undefined
  readonly isAskingMore: boolean
  readonly hasMore: boolean
  readonly more: () => void
  /** Asks once more for what did not come. */
  readonly retry: () => void
}

/**
 * `name`: a route whose query takes `after` and whose answer has it. The pages behind the first belong to its answer: they go
 * when another first page comes.
 */
export function usePages<N extends RouteName, T>(
  name: N | null,
  input: Input<N>,
  itemsOf: (answer: Answer<N>) => readonly T[],
  every: Every = {},
): Pages<T> {
  const { data: first, error, again } = useAsk(name, input, every)
  const [rest, setRest] = useState<{ of: Answer<N>; answers: readonly Answer<N>[] }>()
  const act = useAct()
  const behind = first !== undefined && rest?.of === first ? rest.answers : undefined
  const answers = first === undefined ? [] : [first, ...(behind ?? [])]
  const after = afterOf(answers.at(-1))
  const askMore = async (): Promise<void> => {
    if (name === null || first === undefined || after === null) return
    setRest({ of: first, answers: behind ?? [] })
    const { query } = input as { query?: object }
    const whole = { ...input, query: { ...query, after } }
    const answer = await (call as (name: N, input: unknown) => Promise<Answer<N>>)(name, whole)
    setRest({ of: first, answers: [...(behind ?? []), answer] })
  }
  const more = (): void => void act.run(askMore)
  return {
    items: first === undefined ? undefined : answers.flatMap(itemsOf),
    error: error ?? (behind && act.error),
    isAskingMore: act.isRunning,
    hasMore: after !== null,
    more,
    retry: error ? again : more,
  }
}

function afterOf(answer: unknown): string | null {
  return (answer as { readonly after: string | null } | undefined)?.after ?? null
}

export function Paged<T>({
  pages,
  none,
  children,
}: {
  readonly pages: Pages<T>
  /** What stands here if there is nothing. */
  readonly none: ComponentChildren
  readonly children: (items: readonly T[]) => ComponentChildren
}) {
  const { items, error, isAskingMore, hasMore, more, retry } = pages
  return (
    <>
      {error && <Problem error={error} retry={retry} />}
      {!items && !error && <p aria-busy="true">Asking the server</p>}
      {items && (items.length === 0 ? <p>{none}</p> : children(items))}
      {items && hasMore && (
        <button
          type="button"
          class="secondary"
          onClick={more}
          aria-busy={isAskingMore}
          disabled={isAskingMore}
        >
          Show more
        </button>
      )}
    </>
  )
}
