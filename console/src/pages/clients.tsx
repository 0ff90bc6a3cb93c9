// The clients of an instance: what may fetch its keys, and when it was last here.

import type { Answer } from '../api.ts'
import { useAsk } from '../ask.ts'
import { Answered } from '../parts/answer.tsx'
import { InstanceChoice, useInstance } from '../parts/instance-choice.tsx'
import { Say } from '../parts/say.tsx'
import { Some } from '../parts/some.tsx'
import { Table } from '../parts/table.tsx'
import { Time } from '../parts/time.tsx'
import { pathTo } from '../place.ts'
import { useMay } from '../session.tsx'

export function Clients() {
  const chosen = useInstance()
  const { instance } = chosen
  const asked = useAsk(
    instance === undefined ? null : 'listClients',
    { instance: instance ?? '' },
    { everyMs: 10_000 },
  )
  const maySeeBlocks = useMay('viewer', { server: true })
  const mayConnect = useMay('operator', instance === undefined ? {} : { instance })
  return (
    <>
      <h1>Clients</h1>
      <div class="filters">
        <InstanceChoice {...chosen} />
      </div>
      <p class="acts">
        {mayConnect && (
          <a href={`/connect?instance=${encodeURIComponent(instance ?? '')}`} role="button">
            Connect a vCenter
          </a>
        )}
        {maySeeBlocks && <a href="/clients/blocked">Blocked certificates</a>}
      </p>
      {instance !== undefined && (
        <Answered asked={asked}>
          {(clients) =>
            clients.length === 0 ? (
              <p>No client is trusted yet.</p>
            ) : (
              <Some of={clients} search="Name, address or fingerprint" wordsOf={wordsOf}>
                {(some) => (
                  <Table heads={['Name', 'Last seen', 'From', 'May', 'Certificates end']}>
                    {some.map(({ id, name, lastSeen, allow, certificates, authorities }) => (
                      <tr key={id}>
                        <th scope="row">
                          <a href={pathTo('clients', instance ?? '', id)}>
                            <Say text={name} />
                          </a>
                        </th>
                        <td>
                          <Time at={lastSeen?.at} />
                        </td>
                        <td>
                          <Say text={lastSeen?.address} />
                        </td>
                        <td>{allow.join(', ')}</td>
                        <td>
                          {[...certificates, ...authorities].map(({ sha256, notAfter }) => (
                            <div key={sha256}>
                              <Time at={notAfter} none="not known" />
                            </div>
                          ))}
                        </td>
                      </tr>
                    ))}
                  </Table>
                )}
              </Some>
            )
          }
        </Answered>
      )}
    </>
  )
}

function wordsOf({ name, lastSeen, certificates, authorities }: Answer<'listClients'>[number]): string {
  return [
    name,
    lastSeen?.address ?? '',
    ...[...certificates, ...authorities].map(({ sha256 }) => sha256),
  ].join(' ')
}
