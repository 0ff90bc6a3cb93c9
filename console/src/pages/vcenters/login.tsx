// The fields of a login at vCenter, and the login that is stored to read the inventory.

import { useState } from 'preact/hooks'
import { call, type Answer } from '../../api.ts'
import { useAct } from '../../ask.ts'
import { Problem } from '../../parts/answer.tsx'
import { Field } from '../../parts/field.tsx'
import { Form } from '../../parts/form.tsx'
import { Say } from '../../parts/say.tsx'

export interface Login {
  readonly user: string
  readonly password: string
}

export const noLogin: Login = { user: '', password: '' }

export function LoginFields({
  login,
  onChange,
  help,
}: {
  readonly login: Login
  readonly onChange: (login: Login) => void
  readonly help: string
}) {
  return (
    <>
      <Field
        label="User in vCenter"
        value={login.user}
        onChange={(user) => onChange({ ...login, user })}
        required
        placeholder="administrator@vsphere.local"
        help={help}
      />
      <Field
        label="Password"
        type="password"
        value={login.password}
        onChange={(password) => onChange({ ...login, password })}
        required
        help="It is tried once: vCenter locks an account after a few wrong ones."
      />
    </>
  )
}

export interface VcenterPart {
  readonly instance: string
  readonly vcenter: Answer<'showVcenter'>
  readonly again: () => void
}

/** `mayManage`: the reader may give a login and remove it. */
export function StoredLogin({ instance, vcenter, again }: VcenterPart) {
  const [login, setLogin] = useState(noLogin)
  const forgetting = useAct()
  const { id, login: stored } = vcenter
  const store = async (): Promise<void> => {
    await call('setVcenter', { instance, vcenter: id, body: { login } })
    setLogin(noLogin)
    again()
  }
  const forget = async (): Promise<void> => {
    await call('setVcenter', { instance, vcenter: id, body: { login: null } })
    again()
  }
  return (
    <section aria-labelledby="login">
      <h2 id="login">The login that reads the inventory</h2>
      {stored ? (
        <p class={stored.state === 'stored' ? 'good' : 'look'}>
          <Say text={stored.user} />:{' '}
          {stored.state === 'stored'
            ? 'stored, sealed; no backup has it.'
            : 'off, since a restore, since the address changed, or since vCenter refused it. Give it again.'}
        </p>
      ) : (
        <p>None is stored, so the inventory is as old as the last file that was imported.</p>
      )}
      {forgetting.error && <Problem error={forgetting.error} />}
      {stored && (
        <button
          type="button"
          class="secondary auto"
          aria-busy={forgetting.isRunning}
          onClick={() => void forgetting.run(forget)}
        >
          Forget this login
        </button>
      )}
      <details>
        <summary>{stored ? 'Store another login' : 'Store a login'}</summary>
        <Form action="Try it and store it" onSubmit={store}>
          <LoginFields
            login={login}
            onChange={setLogin}
            help="With the role Read-only on the vCenter itself, with Propagate to children, and no more."
          />
        </Form>
      </details>
    </section>
  )
}
