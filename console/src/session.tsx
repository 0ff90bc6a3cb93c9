// Who is logged in: from the session's text to role and instance, which decide what the pages offer. The server decides
// anew with each request.

import { createContext, type ComponentChildren } from 'preact'
import { useContext, useEffect, useState } from 'preact/hooks'
import { call, callAs, keepSession, onSession, sessionText, type Answer } from './api.ts'
import { useAct, useAsk } from './ask.ts'
import { Problem } from './parts/answer.tsx'
import { Field } from './parts/field.tsx'

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
  return roles.indexOf(who.role) >= roles.indexOf(role) && (!server || who.instance === null)
}

/** The pages, for whoever is logged in; else the page that lets them in. */
export function LoggedIn({ children }: { readonly children: ComponentChildren }) {
  const [text, setText] = useState(sessionText)
  const [wasIn, setWasIn] = useState(false)
  useEffect(() => onSession(() => setText(sessionText())), [])
  const asked = useAsk(text === null ? null : 'showSession')
  useEffect(() => {
    if (text !== null && asked.data) setWasIn(true)
  }, [text, asked.data])
  if (text === null) return <LogIn hasEnded={wasIn} />
  if (asked.data) return <whoContext.Provider value={asked.data}>{children}</whoContext.Provider>
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

function LogIn({ hasEnded }: { readonly hasEnded: boolean }) {
  const [token, setToken] = useState('')
  const { isRunning, error, run } = useAct()
  const logIn = async (): Promise<void> => {
    const { session } = await callAs(token.trim(), 'beginSession')
    setToken('')
    keepSession(session)
  }
  return (
    <main class="container narrow">
      <h1>Mortise</h1>
      {hasEnded && <p role="status">The session is over. Log in again to go on where you were.</p>}
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
    </main>
  )
}

export async function logOut(): Promise<void> {
  await call('endSession').catch(() => undefined)
  keepSession(null)
}
