// Tells who is logged in: from the session's text to role and instance, which decide what the pages offer. The server decides
// anew with each request.

import { createContext, type ComponentChildren } from 'preact'
import { useLocation } from 'preact-iso'
import { useContext, useEffect, useState } from 'preact/hooks'
import { call, callAs, keepSession, onSession, sessionText, type Answer } from './api.ts'
import { useAct, useAsk } from './ask.ts'
import { finishLogin, goToProvider, takeReturn } from './provider-login.ts'
import { Problem } from './parts/answer.tsx'
import { Field } from './parts/field.tsx'
import { Say } from './parts/say.tsx'

export type Who = Answer<'showSession'>

const roles = ['viewer', 'operator', 'manager'] as const
const whoContext = createContext<Who | undefined>(undefined)

export function useWho(): Who {
  const who = useContext(whoContext)
  if (!who) throw new Error('nobody is logged in')
  return who
}

/** Whether the reader may do what needs this role; `server`: for all instances too. */
export function useMay(role: (typeof roles)[number], { server = false } = {}): boolean {
  const who = useWho()
  // A person may have another role in one instance than in all.
  const grants = who.person ? who.grants : [who]
  return grants.some(
    (one) => roles.indexOf(one.role) >= roles.indexOf(role) && (!server || one.instance === null),
  )
}

/** The pages, for whoever is logged in; else the page that lets them in. */
export function LoggedIn({ children }: { readonly children: ComponentChildren }) {
  const [text, setText] = useState(sessionText)
  const [wasIn, setWasIn] = useState(false)
  const { route } = useLocation()
  const [returned] = useState(takeReturn)
  const returning = useAct()
  useEffect(() => onSession(() => setText(sessionText())), [])
  useEffect(() => {
    if (!returned) return
    // The address has a code in it, which is nothing to go back to.
    route(returned.path, true)
    void returning.run(() => finishLogin(returned))
  }, [returned])
  const asked = useAsk(text === null ? null : 'showSession')
  useEffect(() => {
    if (text !== null && asked.data) setWasIn(true)
  }, [text, asked.data])
  if (text !== null && asked.data)
    return <whoContext.Provider value={asked.data}>{children}</whoContext.Provider>
  if (text === null && !returning.isRunning) return <LogIn hasEnded={wasIn} error={returning.error} />
  return (
    <main class="container narrow">
      <h1>Mortise</h1>
      {asked.error ? (
        <Problem error={asked.error} retry={asked.again} />
      ) : (
        <p aria-busy="true">Asking the server</p>
      )}
    </main>
  )
}

function LogIn({
  hasEnded,
  error: providerError,
}: {
  readonly hasEnded: boolean
  readonly error: ReturnType<typeof useAct>['error']
}) {
  const provider = useAsk('showLogin').data?.provider
  return (
    <main class="container narrow">
      <h1>Mortise</h1>
      {hasEnded && <p role="status">The session is over. Log in again to go on where you were.</p>}
      {hasEnded && loggedOut !== null && (
        <p>
          You are still logged in at your identity provider: <a href={loggedOut}>log out there too</a>.
        </p>
      )}
      {providerError && <Problem error={providerError} />}
      {provider && <ByProvider name={provider.name} />}
      <ByToken />
    </main>
  )
}

function ByProvider({ name }: { readonly name: string }) {
  const { isRunning, error, run } = useAct()
  return (
    <section>
      {error && <Problem error={error} />}
      <button type="button" aria-busy={isRunning} disabled={isRunning} onClick={() => void run(goToProvider)}>
        Log in with <Say text={name} />
      </button>
      <p>
        <small>Or with a token:</small>
      </p>
    </section>
  )
}

function ByToken() {
  const [token, setToken] = useState('')
  const { isRunning, error, run } = useAct()
  const logIn = async (): Promise<void> => {
    const { session } = await callAs(token.trim(), 'beginSession')
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
            session, which ends with this tab, after 30 minutes in which nobody does anything, or after 8
            hours.
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

/** Where whoever logged out last ends the session at the identity provider too. */
let loggedOut: string | null = null

export async function logOut(): Promise<void> {
  const ended = await call('endSession').catch(() => undefined)
  loggedOut = ended?.logoutUrl ?? null
  keepSession(null)
}
