// The tokens of the admin API and of this console: made, shown once, revoked.

import { useState } from 'preact/hooks'
import { call, WaitsError, type Answer, type Input } from '../../api.ts'
import { useAsk } from '../../ask.ts'
import { Answered, Problem } from '../../parts/answer.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Copy } from '../../parts/copy.tsx'
import { Choice, Field } from '../../parts/field.tsx'
import { Form } from '../../parts/form.tsx'
import { Say } from '../../parts/say.tsx'
import { SecondPerson } from '../../parts/second-person.tsx'
import { Some } from '../../parts/some.tsx'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { Waits } from '../../parts/waits.tsx'
import { useMay, useWho } from '../../session.tsx'
import { BackToSettings } from './settings.tsx'

type Token = Answer<'listTokens'>[number]
type Role = Token['role']

const roles: readonly (readonly [Role, string])[] = [
  ['viewer', 'viewer: looks'],
  ['operator', 'operator: trusts clients, makes and activates keys'],
  ['manager', 'manager: everything, destroying too'],
]

export function Tokens() {
  const asked = useAsk('listTokens')
  const mayManage = useMay('manager')
  const [asks, setAsks] = useState<Token>()
  return (
    <>
      <BackToSettings />
      <h1>Tokens</h1>
      {mayManage && <Create again={asked.again} />}
      <Answered asked={asked}>
        {(tokens) => (
          <Some
            of={tokens}
            search="Name, owner or id"
            wordsOf={({ name, owner, id }) => `${name} ${owner ?? ''} ${id}`}
          >
            {(some) => (
              <Table
                heads={[
                  'Name',
                  'Role',
                  'Owner',
                  'For',
                  'Expires',
                  'Last used',
                  ...(mayManage ? ['Revoke'] : []),
                ]}
              >
                {some.map((token) => (
                  <Row key={token.id} token={token} onRevoke={mayManage ? () => setAsks(token) : undefined} />
                ))}
              </Table>
            )}
          </Some>
        )}
      </Answered>
      {asks && <Revoke token={asks} onClose={() => setAsks(undefined)} again={asked.again} />}
    </>
  )
}

function Row({ token, onRevoke }: { readonly token: Token; readonly onRevoke: (() => void) | undefined }) {
  const { name, id, role, owner, instance, expires, expired, lastUsed, lastAddress } = token
  return (
    <tr>
      <th scope="row">
        <Say text={name} />
        <br />
        <small>
          <code>{id}</code>
        </small>
      </th>
      <td>{role}</td>
      <td>{owner !== null && <Say text={owner} />}</td>
      <td>{instance ? <Say text={instance.name} /> : 'all instances'}</td>
      <td>
        {expired && <strong class="bad">expired </strong>}
        <Time at={expires} />
      </td>
      <td>
        <Time at={lastUsed} />
        {lastAddress !== null && (
          <>
            {' from '}
            <Say text={lastAddress} />
          </>
        )}
      </td>
      {onRevoke && (
        <td>
          <button type="button" class="danger small" aria-label={`Revoke ${name}…`} onClick={onRevoke}>
            Revoke…
          </button>
        </td>
      )}
    </tr>
  )
}

function Revoke({
  token,
  onClose,
  again,
}: {
  readonly token: Token
  readonly onClose: () => void
  readonly again: () => void
}) {
  return (
    <Confirm
      title="Revoke this token"
      action="Revoke it"
      typed={token.name}
      onClose={onClose}
      onConfirm={async () => {
        await call('revokeToken', { token: token.id })
        again()
      }}
    >
      <p>
        Its next request is refused, and every session of this console that was begun with it ends. Programs
        that use it stop working. Clients that fetch keys do not use tokens: no machine notices it.
      </p>
      <p>
        It was last used <Time at={token.lastUsed} />
        {token.lastAddress !== null && (
          <>
            {' from '}
            <Say text={token.lastAddress} />
          </>
        )}
        .
      </p>
    </Confirm>
  )
}

function Create({ again }: { readonly again: () => void }) {
  const who = useWho()
  const instances = useAsk('listInstances')
  const [name, setName] = useState('')
  const [owner, setOwner] = useState('')
  const [role, setRole] = useState<Role>('viewer')
  const [instance, setInstance] = useState<string>()
  const [days, setDays] = useState('')
  const [made, setMade] = useState<Pick<Answer<'createToken'>, 'name' | 'token'> & { waits?: WaitsError }>()
  const create = async (): Promise<void> => {
    const body: Input<'createToken'>['body'] = {
      role,
      ...(name.trim() !== '' && { name }),
      ...(owner.trim() !== '' && { owner }),
      ...(instance !== undefined && { instance }),
      ...(days !== '' && { expiresDays: Number(days) }),
    }
    try {
      setMade(await call('createToken', { body }))
    } catch (error) {
      if (!(error instanceof WaitsError) || error.token === null) throw error
      setMade({ name: body.name ?? role, token: error.token, waits: error })
    }
    setName('')
    setOwner('')
    again()
  }
  return (
    <details>
      <summary>Create a token</summary>
      <Form action="Create it" onSubmit={create}>
        <Field label="Name" value={name} onChange={setName} help="Who or what uses it." />
        <Field
          label="Owner"
          value={owner}
          onChange={setOwner}
          help="The person who uses it; empty: a program. Cannot be changed later."
        />
        <Choice
          label="Role"
          value={role}
          options={roles}
          onChoose={(value) => setRole(roles.find(([one]) => one === value)?.[0] ?? 'viewer')}
        />
        {role === 'manager' && <SecondPerson acts={['token create manager']} />}
        {who.instance === null && instances.error && (
          <Problem error={instances.error} retry={instances.again} />
        )}
        {who.instance === null && (
          <Choice
            label="For"
            value={instance}
            none="all instances and the server"
            options={(instances.data ?? []).map((one) => [one.id, one.name])}
            onChoose={setInstance}
          />
        )}
        <Field
          label="Expires after, in days"
          type="number"
          min={1}
          max={3_650}
          value={days}
          onChange={setDays}
          help="Empty: never, or with the token that you logged in with, if that expires: none outlives it."
        />
      </Form>
      {made && (
        <div class="once" role="status">
          {made.waits && <Waits error={made.waits} />}
          <p>
            The text of <Say text={made.name} />. <strong>It is shown this once</strong>, and stored nowhere
            {made.waits && '; it works once a second person has approved it'}:
          </p>
          <p>
            <code>{made.token}</code> <Copy text={made.token} what="the token" />
          </p>
          <button type="button" class="secondary" onClick={() => setMade(undefined)}>
            I have it
          </button>
        </div>
      )}
    </details>
  )
}
