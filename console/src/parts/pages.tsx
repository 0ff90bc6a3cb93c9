// Lists that come in pages from the server: the pages so far, and a button for the next one. The server looks at a bounded number
// of objects for each page, so one that holds little is followed by the next by itself.

import { useEffect, useState } from 'preact/hooks'
import type { ComponentChildren } from 'preact'
import { call, type Answer, type ApiError, type Input, type RouteName } from '../api.ts'
import { useAct, useAsk } from '../ask.ts'
import { Problem } from './answer.tsx'
import { numberText } from './counted.ts'

export interface Pages<T> {
  readonly items: readonly T[] | undefined
  readonly error: ApiError | undefined
  readonly isAskingMore: boolean
  readonly hasMore: boolean
  /** It looks on by itself, since what it found would not fill a screen. */
  readonly isSearching: boolean
  readonly more: () => void
  /** Asks once more for what did not come. */
  readonly retry: () => void
  /** Asks for the first page again, by itself. */
  readonly restart: () => void
}

/** As many as fill a screen. */
const fewItems = 20

/**
 * `name`: a route whose query takes `after` and whose answer has it. The pages behind the first belong to its answer: they go
 * when another first page comes.
 */
export function usePages<N extends RouteName, T>(
  name: N | null,
  input: Input<N>,
  itemsOf: (answer: Answer<N>) => readonly T[],
): Pages<T> {
  const { data: first, error, again, refresh } = useAsk(name, input)
  const [rest, setRest] = useState<{ of: Answer<N>; answers: readonly Answer<N>[] }>()
  const act = useAct()
  const behind = first !== undefined && rest?.of === first ? rest.answers : undefined
  const answers = first === undefined ? [] : [first, ...(behind ?? [])]
  const after = afterOf(answers.at(-1))
  const items = first === undefined ? undefined : answers.flatMap(itemsOf)
  const failure = error ?? (behind && act.error)
  const isSearching = items !== undefined && after !== null && items.length < fewItems && !failure
  const askMore = async (): Promise<void> => {
    if (name === null || first === undefined || after === null) return
    setRest({ of: first, answers: behind ?? [] })
    const answer = await askPage(name, input, after)
    setRest((now) => (now?.of === first ? { of: first, answers: [...(behind ?? []), answer] } : now))
  }
  const more = (): void => void act.run(askMore)
  useEffect(() => {
    if (isSearching && !act.isRunning) more()
  }, [isSearching, act.isRunning, after])
  return {
    items,
    error: failure,
    isAskingMore: act.isRunning,
    hasMore: after !== null,
    isSearching,
    more,
    retry: error ? again : more,
    restart: refresh,
  }
}

/** All pages of a list, one after the other, until `signal` ends it. */
export async function* allPages<N extends RouteName>(
  name: N,
  input: Input<N>,
  signal: AbortSignal,
): AsyncGenerator<Answer<N>> {
  for (let after: string | null | undefined; after !== null;) {
    const answer = await askPage(name, input, after)
    signal.throwIfAborted()
    yield answer
    after = afterOf(answer)
  }
}

async function askPage<N extends RouteName>(
  name: N,
  input: Input<N>,
  after: string | undefined,
): Promise<Answer<N>> {
  const { query } = input as { query?: object }
  const whole = { ...input, query: { ...query, ...(after !== undefined && { after }) } }
  return (call as (name: N, input: unknown) => Promise<Answer<N>>)(name, whole)
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
  /** Stands here if there is nothing. */
  readonly none: ComponentChildren
  readonly children: (items: readonly T[]) => ComponentChildren
}) {
  const { items, error, isAskingMore, hasMore, isSearching, more, retry } = pages
  const isEmpty = items?.length === 0 && !isSearching
  return (
    <>
      {error && <Problem error={error} retry={retry} />}
      {!items && !error && <p aria-busy="true">Asking the server</p>}
      {items && items.length > 0 && children(items)}
      {/* A reader of the screen hears what a filter found. */}
      <p role="status" class={isEmpty ? undefined : 'unseen'}>
        {isEmpty ? none : items && !isSearching && `${numberText(items.length)} shown`}
      </p>
      {isSearching && <p aria-busy="true">Looking through the rest of the list</p>}
      {items && hasMore && !isSearching && (
        <button
          type="button"
          class="secondary auto"
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
