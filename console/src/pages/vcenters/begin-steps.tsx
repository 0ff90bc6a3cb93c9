// A form with a login that first says what would be done, and then does it.

import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { useAct } from '../../ask.ts'
import { Problem } from '../../parts/answer.tsx'
import { SecondPerson } from '../../parts/second-person.tsx'
import { LoginFields, noLogin, type Login } from './login.tsx'
import { Steps } from './steps.tsx'

export function BeginSteps({
  instance,
  vcenter,
  action,
  begin,
  onEnd,
  needsLogin = true,
  children,
}: {
  readonly instance: string
  /** Its id. */
  readonly vcenter: string
  /** On the button that does it. */
  readonly action: string
  readonly begin: (login: Login, dryRun: boolean) => Promise<{ readonly id: string }>
  readonly onEnd: () => void
  readonly needsLogin?: boolean
  /** More fields. */
  readonly children?: ComponentChildren
}) {
  const [login, setLogin] = useState(noLogin)
  const [run, setRun] = useState<string | undefined>(undefined)
  const { isRunning, error, run: act } = useAct()
  const start = (dryRun: boolean) =>
    act(async () => {
      const { id } = await begin(login, dryRun)
      setRun(id)
      if (!dryRun) setLogin(noLogin)
    })
  return (
    <>
      <form
        class="narrow-form"
        onSubmit={(event) => {
          event.preventDefault()
          const isDry = event.submitter?.getAttribute('name') !== 'do'
          void start(isDry)
        }}
      >
        {children}
        {needsLogin && (
          <LoginFields
            login={login}
            onChange={setLogin}
            help="With the privileges Cryptographer.ManageKeyServers and Cryptographer.ManageKeys. It is stored nowhere."
          />
        )}
        <SecondPerson acts={['vcenter change']} />
        {error && <Problem error={error} />}
        <p class="acts">
          <button type="submit" name="look" class="secondary" disabled={isRunning} aria-busy={isRunning}>
            Say what would be done
          </button>
          <button type="submit" name="do" disabled={isRunning}>
            {action}
          </button>
        </p>
      </form>
      {run !== undefined && <Steps key={run} instance={instance} vcenter={vcenter} run={run} onEnd={onEnd} />}
    </>
  )
}
