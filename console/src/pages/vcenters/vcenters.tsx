// The vCenters that this server works with by their own API: which there are, and how to add one.

import type { Answer } from '../../api.ts'
import { useAsk } from '../../ask.ts'
import { Answered } from '../../parts/answer.tsx'
import { InstanceChoice, useInstance } from '../../parts/instance-choice.tsx'
import { Say } from '../../parts/say.tsx'
import { Table } from '../../parts/table.tsx'
import { pathTo } from '../../place.ts'
import { useMay } from '../../session.tsx'
import { AddVcenter } from './add-vcenter.tsx'

const lookEveryMs = 10_000

type Listed = Answer<'listVcenters'>[number]

export function Vcenters() {
  const chosen = useInstance()
  const { instance } = chosen
  // The server opens connections to the address that the reader names.
  const mayAdd = useMay('manager', { server: true })
  return (
    <>
      <h1>vCenters</h1>
      <p>
        The server makes a key provider in a vCenter that you add here, reads which machine uses which key,
        takes the place of another key server, and gives machines new keys. All of that is optional: without
        it, <a href="/connect">connect vCenter by its own dialogs</a>.
      </p>
      <div class="filters">
        <InstanceChoice {...chosen} />
      </div>
      {instance !== undefined && <List key={`list ${instance}`} instance={instance} />}
      {instance !== undefined && mayAdd && <AddVcenter key={`add ${instance}`} instance={instance} />}
    </>
  )
}

function List({ instance }: { readonly instance: string }) {
  const asked = useAsk('listVcenters', { instance }, { everyMs: lookEveryMs })
  return (
    <Answered asked={asked}>
      {(vcenters) =>
        vcenters.length === 0 ? (
          <p>No vCenter was added to this instance.</p>
        ) : (
          <Table heads={['Name', 'Address', 'Key provider', 'Inventory']}>
            {vcenters.map((one) => (
              <tr key={one.id}>
                <th scope="row">
                  <a href={pathTo('vcenters', instance, one.id)}>
                    <Say text={one.name} />
                  </a>
                </th>
                <td>
                  <Say text={`${one.host}:${one.port}`} />
                </td>
                <td>
                  <Say text={one.provider?.name} none="none yet" />
                </td>
                <td>{inventoryWord(one)}</td>
              </tr>
            ))}
          </Table>
        )
      }
    </Answered>
  )
}

function inventoryWord({ inventory, login }: Listed): string {
  if (inventory.whole) return 'whole'
  return login ? 'not whole' : 'no login is stored'
}
