// A page shows this while it waits for an answer, and when none comes: what is wrong, what to do, and the request's id.

import type { ComponentChildren } from 'preact'
import { WaitsError, type ApiError } from '../api.ts'
import type { Asked } from '../ask.ts'
import { Say } from './say.tsx'
import { Waits } from './waits.tsx'

export function Problem({
  error,
  retry,
}: {
  readonly error: ApiError
  readonly retry?: (() => void) | undefined
}) {
  if (error instanceof WaitsError) return <Waits error={error} />
  return (
    <div class="problem" role="alert">
      <p>
        <strong>
          <Say text={error.message} />
        </strong>
      </p>
      {error.hint !== undefined && (
        <p>
          <Say text={error.hint} />
        </p>
      )}
      {error.requestId !== undefined && (
        <p>
          <small>
            Request <code>{error.requestId}</code>: the server's log and audit know it by this.
          </small>
        </p>
      )}
      {retry && (
        <button type="button" class="secondary" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}

/** The answer, once it is there. A failure to ask again stands above the last answer. */
export function Answered<T>({
  asked,
  children,
}: {
  readonly asked: Asked<T>
  readonly children: (data: T) => ComponentChildren
}) {
  const { data, error, again } = asked
  return (
    <>
      {error && <Problem error={error} retry={again} />}
      {data !== undefined ? children(data) : !error && <p aria-busy="true">Asking the server</p>}
    </>
  )
}
