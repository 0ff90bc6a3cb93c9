// Hooks by which a page asks the server: the answer, or why there is none, and a way to ask again.

import { createContext } from 'preact'
import { useCallback, useContext, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { ApiError, call, callInBackground, type Answer, type Input, type RouteName } from './api.ts'

/** true: the session is over, and the page waits unseen for its reader. It asks nothing meanwhile, and everything again afterwards. */
export const AsleepContext = createContext(false)

export interface Asked<T> {
  /** The last answer, also while a newer one is awaited or failed to come. */
  readonly data: T | undefined
  readonly error: ApiError | undefined
  readonly again: () => void
  /** The same where the page does it and nobody pressed anything. */
  readonly refresh: () => void
}

export interface Every {
  /** How long after an answer it is asked again; undefined: never. */
  readonly everyMs?: number | undefined
  /** The page itself changes the input, not the reader. */
  readonly isOwn?: boolean
}

/**
 * Asks when the input changes, and every so often if wanted. While `name` is null nothing is asked, and no answer to an
 * earlier question is kept.
 */
export function useAsk<N extends RouteName>(
  name: N | null,
  input?: Input<N>,
  { everyMs, isOwn = false }: Every = {},
): Asked<Answer<N>> {
  const [state, setState] = useState<Pick<Asked<Answer<N>>, 'data' | 'error'>>({
    data: undefined,
    error: undefined,
  })
  const [turn, setTurn] = useState(0)
  const asked = JSON.stringify([name, input])
  const lastAsked = useRef(asked)
  const isByItself = useRef(isOwn)
  const isAsleep = useContext(AsleepContext)
  // At once: no answer to another question stands beside this input until the browser draws.
  useLayoutEffect(() => {
    if (isAsleep) return undefined
    const isOther = lastAsked.current !== asked
    lastAsked.current = asked
    setState(({ data }) => ({ data: isOther ? undefined : data, error: undefined }))
    if (name === null) return undefined
    let isOver = false
    let timer: number | undefined
    const ask = async (how: typeof call): Promise<void> => {
      try {
        const data = await (how as (name: N, input?: Input<N>) => Promise<Answer<N>>)(name, input)
        if (!isOver) setState({ data, error: undefined })
      } catch (error) {
        if (!isOver) setState(({ data }) => ({ data, error: troubleOf(error, everyMs) }))
      }
      if (!isOver && everyMs !== undefined)
        timer = window.setTimeout(() => void ask(callInBackground), everyMs)
    }
    void ask(isByItself.current ? callInBackground : call)
    isByItself.current = isOwn
    return () => {
      isOver = true
      window.clearTimeout(timer)
    }
  }, [asked, everyMs, turn, isAsleep])
  const again = useCallback(() => setTurn((before) => before + 1), [])
  const refresh = useCallback(() => {
    isByItself.current = true
    again()
  }, [again])
  return { ...state, again, refresh }
}

/** A page that something is done on: `run` does it once at a time, and keeps why it failed. */
export function useAct(): {
  readonly isRunning: boolean
  readonly error: ApiError | undefined
  readonly run: (act: () => Promise<void>) => Promise<void>
} {
  const [state, setState] = useState<{ isRunning: boolean; error: ApiError | undefined }>({
    isRunning: false,
    error: undefined,
  })
  const run = async (act: () => Promise<void>): Promise<void> => {
    if (state.isRunning) return
    setState({ isRunning: true, error: undefined })
    try {
      await act()
      setState({ isRunning: false, error: undefined })
    } catch (error) {
      setState({ isRunning: false, error: asApiError(error) })
    }
  }
  return { ...state, run }
}

function troubleOf(failure: unknown, everyMs: number | undefined): ApiError {
  const error = asApiError(failure)
  if (error.code !== 'unreachable' || everyMs === undefined) return error
  return new ApiError(error.code, error.message, 'This page tries again by itself.')
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  return new ApiError('bug', error instanceof Error ? error.message : String(error))
}
