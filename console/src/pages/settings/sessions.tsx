// The people who are logged in through the identity provider: who, with which roles, since when; and how to end it.

import { useState } from 'preact/hooks'
import { call, type Answer } from '../../api.ts'
import { useAsk } from '../../ask.ts'
import { Answered } from '../../parts/answer.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Say } from '../../parts/say.tsx'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { useMay } from '../../session.tsx'
import { BackToSettings } from './settings.tsx'

type Session = Answer<'listSessions'>[number]

export function Sessions() {
  const mayManage = useMay('manager', { server: true })
  const asked = useAsk(mayManage ? 'listSessions' : null)
  const [asks, setAsks] = useState<Session>()
  return (
    <>
      <BackToSettings />
      <h1>People</h1>
      {mayManage ? (
        <Answered asked={asked}>
          {(sessions) =>
            sessions.length === 0 ? (
              <p>No person is logged in through an identity provider.</p>
            ) : (
              <Table heads={['Name', 'Roles', 'Since', 'Ends', 'Last used', 'End']}>
                {sessions.map((session) => (
                  <Row key={session.id} session={session} onEnd={() => setAsks(session)} />
                ))}
              </Table>
            )
          }
        </Answered>
      ) : (
        <p>Managers see here who is logged in.</p>
      )}
      {asks && <End session={asks} onClose={() => setAsks(undefined)} again={asked.again} />}
    </>
  )
}

function Row({ session, onEnd }: { readonly session: Session; readonly onEnd: () => void }) {
  const { name, subject, grants, started, ends, lastUsed, address, own, through } = session
  return (
    <tr>
      <th scope="row">
        <Say text={name} />
        {own && ' (this session)'}
        <br />
        <small>
          <Say text={subject} />
        </small>
      </th>
      <td>
        {grants.map(({ role, instance }) => (
          <div key={instance?.id ?? ''}>
            {role}
            {instance && (
              <>
                {' of '}
                <Say text={instance.name} />
              </>
            )}
          </div>
        ))}
      </td>
      <td>
        <Time at={started} />
        {through === 'cli' ? ', command line' : ', console'}
        {address !== null && (
          <>
            {' from '}
            <Say text={address} />
          </>
        )}
      </td>
      <td>
        <Time at={ends} />
      </td>
      <td>
        <Time at={lastUsed} />
      </td>
      <td>
        <button type="button" class="danger small" aria-label={`End the session of ${name}…`} onClick={onEnd}>
          End…
        </button>
      </td>
    </tr>
  )
}

function End({
  session,
  onClose,
  again,
}: {
  readonly session: Session
  readonly onClose: () => void
  readonly again: () => void
}) {
  return (
    <Confirm
      title="End this session"
      action="End it"
      onClose={onClose}
      onConfirm={async () => {
        await call('endSessionOf', { session: session.id })
        again()
      }}
    >
      <p>
        The next request of <Say text={session.name} /> in it is refused, on every node. They may log in again
        while they are in a group with a role: take them out of it at the identity provider first.
      </p>
    </Confirm>
  )
}
