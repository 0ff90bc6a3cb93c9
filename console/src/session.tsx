// Tells who is logged in: from the session's text to role and instance, which decide what the pages offer. The server decides
// anew with each request.

import { createContext, type ComponentChildren } from 'preact'
import { useLocation } from 'preact-iso'
import { useContext, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import {
  ApiError,
  callAs,
  callInBackground,
  keepSession,
  onSession,
  sessionText,
  wasUndone,
  type Answer,
} from './api.ts'
import { AsleepContext, useAct, useAsk } from './ask.ts'
import { mayDo, type Where } from './may.ts'
import { finishLogin, goToProvider, takeReturn } from './provider-login.ts'
import { Problem } from './parts/answer.tsx'
import { Field } from './parts/field.tsx'
import { Say } from './parts/say.tsx'

export type Who = Answer<'showSession'>

const whoContext = createContext<Who | undefined>(undefined)

export function useWho(): Who {
  const who = useContext(whoContext)
  if (!who) throw new Error('no person is logged in')
  return who
}

/** Whether the reader may do what needs this role there. */
export function useMay(role: Who['role'], where?: Where): boolean {
  return mayDo(useWho(), role, where)
}

const rightsEveryMs = 30_000

/** The pages, for whoever is logged in; else what lets them in. */
export function LoggedIn({ children }: { readonly children: ComponentChildren }) {
  const [text, setText] = useState(sessionText)
  const [wasIn, setWasIn] = useState(false)
  const { route } = useLocation()
  const [returned] = useState(takeReturn)
  const returning = useAct()
  useLayoutEffect(() => onSession(() => setText(sessionText())), [])
  useEffect(reloadForAnother, [])
  useEffect(() => {
    if (!returned) return
    // The address has a code in it, which is nothing to go back to.
    route(returned.path, true)
    void returning.run(() => finishLogin(returned))
  }, [returned])
  // Somebody may change what the person may do.
  const asked = useAsk(text === null ? null : 'showSession', undefined, { everyMs: rightsEveryMs })
  const who = text === null ? undefined : asked.data
  // At once, and so never after a log-out that follows.
  useLayoutEffect(() => {
    if (!who) return
    setWasIn(true)
    loggedOut = undefined
  }, [who])
  // Another reader gets pages of their own; whoever logs out leaves none behind.
  const pages = useRef<{ readonly who: Who; readonly turn: number } | undefined>(undefined)
  const { turn = 0 } = pages.current ?? {}
  if (who)
    pages.current = { who, turn: pages.current && isSameReader(pages.current.who, who) ? turn : turn + 1 }
  if (text === null && loggedOut) pages.current = undefined
  const waiting = pages.current
  return (
    <>
      {waiting && (
        <Pages key={waiting.turn} who={waiting.who} isAsleep={!who}>
          {children}
        </Pages>
      )}
      {!who && (
        <Door isOver={waiting !== undefined}>
          <h1>Mortise</h1>
          {text === null && !returning.isRunning ? (
            <LogIn hasEnded={wasIn} isOver={waiting !== undefined} error={returning.error} />
          ) : asked.error ? (
            <Problem error={asked.error} retry={asked.again} />
          ) : (
            <p aria-busy="true">Asking the server</p>
          )}
        </Door>
      )}
    </>
  )
}

/** A browser may keep a page that is left, and show it as it was to whoever goes back to it: somebody else may be logged in by then. */
function reloadForAnother(): () => void {
  let left: string | null = null
  const leave = (): void => void (left = sessionText())
  const comeBack = ({ persisted }: PageTransitionEvent): void => {
    if (persisted && sessionText() !== left) window.location.reload()
  }
  window.addEventListener('pagehide', leave)
  window.addEventListener('pageshow', comeBack)
  return () => {
    window.removeEventListener('pagehide', leave)
    window.removeEventListener('pageshow', comeBack)
  }
}

/** By the token or the account, since two can have one name. */
function isSameReader(one: Who, other: Who): boolean {
  const idOf = ({ name, token, person }: Who) =>
    JSON.stringify([name, token, person?.issuer, person?.subject])
  return idOf(one) === idOf(other)
}

/** While they are asleep nobody sees them, and what was typed into them stays. */
function Pages({
  who,
  isAsleep,
  children,
}: {
  readonly who: Who
  readonly isAsleep: boolean
  readonly children: ComponentChildren
}) {
  const focused = useRef<Element | null>(null)
  useLayoutEffect(() => {
    if (isAsleep) focused.current = document.activeElement
    else if (focused.current instanceof HTMLElement) focused.current.focus()
  }, [isAsleep])
  return (
    <whoContext.Provider value={who}>
      <AsleepContext.Provider value={isAsleep}>
        <div hidden={isAsleep}>{children}</div>
      </AsleepContext.Provider>
    </whoContext.Provider>
  )
}

/** Stands in place of the pages. Over those that are asleep it is a dialog, since one that is open there keeps the focus from all else. */
function Door({ isOver, children }: { readonly isOver: boolean; readonly children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const open = (): void => dialog.current?.showModal()
  useLayoutEffect(open, [])
  if (!isOver) return <main class="container narrow">{children}</main>
  return (
    <dialog ref={dialog} class="door" aria-label="Log in again" onClose={open}>
      <main class="container narrow">{children}</main>
    </dialog>
  )
}

function LogIn({
  hasEnded,
  isOver,
  error: providerError,
}: {
  readonly hasEnded: boolean
  /** A page waits behind it. */
  readonly isOver: boolean
  readonly error: ReturnType<typeof useAct>['error']
}) {
  const asked = useAsk('showLogin')
  const provider = asked.data?.provider
  const { logoutUrl = null, failure } = loggedOut ?? {}
  return (
    <>
      {hasEnded && failure && <Problem error={failure} />}
      {hasEnded && !failure && (
        <p role="status">
          The session is over. {wasUndone() && 'It had ended before what you did last, which was not done. '}
          Log in again to go on where you were.
        </p>
      )}
      {hasEnded && logoutUrl !== null && (
        <p>
          You are still logged in at your identity provider: <a href={logoutUrl}>log out there too</a>.
        </p>
      )}
      {providerError && <Problem error={providerError} />}
      {asked.error && <Problem error={asked.error} retry={asked.again} />}
      {provider && <ByProvider name={provider.name} isOver={isOver} />}
      <ByToken />
    </>
  )
}

function ByProvider({ name, isOver }: { readonly name: string; readonly isOver: boolean }) {
  const { isRunning, error, run } = useAct()
  return (
    <section>
      {error && <Problem error={error} />}
      <button type="button" aria-busy={isRunning} disabled={isRunning} onClick={() => void run(goToProvider)}>
        Log in with <Say text={name} />
      </button>
      <p>
        <small>
          {isOver && 'The browser goes there, so what was typed into this page and not sent is lost. '}
          Or with a token:
        </small>
      </p>
    </section>
  )
}

function ByToken() {
  const [token, setToken] = useState('')
  const { isRunning, error, run } = useAct()
  const logIn = async (): Promise<void> => {
    const { session } = await callAs(tokenIn(token), 'beginSession').catch(inThisForm)
    setToken('')
    keepSession(session)
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        void run(logIn)
      }}
    >
      <Field
        label="Token"
        type="password"
        value={token}
        onChange={setToken}
        required
        help={
          <>
            The first one is in the file <code>admin-token</code> of the server's data folder;{' '}
            <code>mortise token create</code> makes more. The page forgets it at once and goes on with a
            session, which ends with this tab, after 30 minutes in which you do nothing, or after 8 hours.
          </>
        }
      />
      {error && <Problem error={error} />}
      <button type="submit" aria-busy={isRunning} disabled={isRunning}>
        Log in
      </button>
    </form>
  )
}

/** Mail and chat put what nobody sees into a text. Throws ApiError for what a browser would not send. */
function tokenIn(text: string): string {
  const token = text.replaceAll(/[\s\p{Cf}]/gu, '')
  if (/^[\x21-\x7e]*$/.test(token)) return token
  throw new ApiError('no-token', 'This is no token: it has characters that no token has.', 'Copy it again.')
}

/** The server's advice for a wrong token is for programs and the command line. */
function inThisForm(error: unknown): never {
  if (!(error instanceof ApiError) || error.code !== 'unauthenticated') throw error
  const advice =
    'Copy the whole line again. The token may also be revoked, expired, or of another server. If all are lost: mortise token recover'
  throw new ApiError(error.code, error.message, advice)
}

/** How the last log-out went, for the page that follows it. */
let loggedOut: { readonly logoutUrl?: string | null; readonly failure?: ApiError } | undefined

/** The page forgets the session in any case, and says so if the server does not know. */
export function LogOut() {
  const { idleMinutes } = useWho()
  const { isRunning, run } = useAct()
  const logOut = async (): Promise<void> => {
    try {
      loggedOut = await callInBackground('endSession')
    } catch (error) {
      const isOver = error instanceof ApiError && error.code === 'unauthenticated'
      loggedOut = isOver ? {} : { failure: notEnded(error, idleMinutes) }
    }
    keepSession(null)
  }
  return (
    <button type="button" class="small" aria-busy={isRunning} onClick={() => void run(logOut)}>
      Log out
    </button>
  )
}

function notEnded(error: unknown, idleMinutes: number): ApiError {
  const why = error instanceof Error ? error.message : String(error)
  return new ApiError(
    'not-ended',
    `The server did not say that the session is over: ${why}.`,
    `This page has forgotten it. If the server still has it, it ends once it has not been used for ${idleMinutes} minutes.`,
    error instanceof ApiError ? error.requestId : undefined,
  )
}
