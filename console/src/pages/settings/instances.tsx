// All instances that the reader may see, and a form for a new one.

import { useState } from 'preact/hooks'
import { call, type Answer } from '../../api.ts'
import { useAsk } from '../../ask.ts'
import { Answered } from '../../parts/answer.tsx'
import { Form } from '../../parts/form.tsx'
import { Field } from '../../parts/field.tsx'
import { Say } from '../../parts/say.tsx'
import { Some } from '../../parts/some.tsx'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { pathTo } from '../../place.ts'
import { useMay } from '../../session.tsx'
import { Close, Open } from './close-instance.tsx'
import { RootKeyFields } from './root-key-fields.tsx'
import { Warnings } from '../../parts/warnings.tsx'
import { noRootKey, rootKeyBody, type RootKeyWanted } from './root-key-wanted.ts'
import { BackToSettings } from './settings.tsx'

export function Instances() {
  const asked = useAsk('listInstances')
  const mayCreate = useMay('manager', { server: true })
  return (
    <>
      <BackToSettings />
      <h1>Instances</h1>
      <p>
        An instance is a set of keys with a root key and clients of its own. Clients of one see nothing of
        another.
      </p>
      <Answered asked={asked}>
        {(instances) => (
          <Some of={instances} search="Name" wordsOf={({ name }) => name}>
            {(some) => (
              <Table heads={['Name', 'Root key', 'Keys are stored in', 'Created']}>
                {some.map(({ id, name, rootKey, custody, created, closed }) => (
                  <tr key={id}>
                    <th scope="row">
                      <a href={pathTo('settings', 'instances', id)}>
                        <Say text={name} />
                      </a>
                      {closed && <span class="state bad">closed</span>}
                    </th>
                    <td>
                      <code>{rootKey}</code>
                    </td>
                    <td>{custody === 'database' ? 'the database' : 'the service of the root key'}</td>
                    <td>
                      <Time at={created} />
                    </td>
                  </tr>
                ))}
              </Table>
            )}
          </Some>
        )}
      </Answered>
      {mayCreate && <Create again={asked.again} />}
      {mayCreate && asked.data && asked.data.length > 0 && (
        <Server isClosed={asked.data.every(({ closed }) => closed?.withServer)} again={asked.again} />
      )}
    </>
  )
}

function Server({ isClosed, again }: { readonly isClosed: boolean; readonly again: () => void }) {
  return (
    <section aria-labelledby="server">
      <h2 id="server">{isClosed ? 'The server is closed' : 'Close the server at once'}</h2>
      {isClosed ? (
        <Open action="Open the server" open={() => call('openServer')} again={again} />
      ) : (
        <Close
          title="Close all instances"
          action="Close the server"
          close={(reason) => call('closeServer', { body: { reason } })}
          again={again}
        />
      )}
    </section>
  )
}

function Create({ again }: { readonly again: () => void }) {
  const [name, setName] = useState('')
  const [wanted, setWanted] = useState<RootKeyWanted>(noRootKey)
  const [made, setMade] = useState<Answer<'createInstance'>>()
  const create = async (): Promise<void> => {
    const { rootKey, ...rest } = rootKeyBody(wanted)
    setMade(await call('createInstance', { body: rootKey === '' ? { name } : { name, rootKey, ...rest } }))
    setName('')
    setWanted(noRootKey)
    again()
  }
  return (
    <details>
      <summary>Create an instance</summary>
      <Form action="Create it" onSubmit={create}>
        <Field
          label="Name"
          value={name}
          onChange={setName}
          required
          help="What people call it, such as a site or a customer."
        />
        <RootKeyFields
          wanted={wanted}
          onChange={setWanted}
          help="Empty: the server's own. file:NAME.key makes a file of this name in the data folder."
        />
      </Form>
      {made && (
        <p role="status">
          <a href={pathTo('settings', 'instances', made.id)}>
            <Say text={made.name} />
          </a>{' '}
          is there. Its root key is <code>{made.rootKey}</code>.
        </p>
      )}
      {made && <Warnings warnings={made.warnings} />}
    </details>
  )
}
