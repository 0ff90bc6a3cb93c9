// A small site for the pages of the console: a vCenter with keys for machines, a second instance with a key in each state that
// people act on, tokens, a blocked certificate, the next server certificate, and somebody unknown who waits.

import assert from 'node:assert/strict'
import { menu, settings } from '../../../console/src/menu.ts'
import { showCertificate } from '../../support/attacks/show-certificate.ts'
import { clientCertificate } from '../../support/certificates/certificates.ts'
import { importInventory } from './inventory.ts'
import type { EmbeddedServer } from '../../support/server/server.ts'
import { playVsphere } from '../../support/clients/vsphere.ts'

const machines = ['payroll-db', 'web-1', 'web-2', 'mail', 'files', 'backup', 'build', 'ldap']

/** Fills the server, and returns the address of every page: those of the menu, and of one key, client and instance. */
export async function fillForConsole(server: EmbeddedServer): Promise<readonly string[]> {
  const { tls } = await server.issue('vcenter-berlin')
  assert.ok((await playVsphere(tls, [server.kmip], 'b,e,i')).ok)
  const keys = (await server.json('key', 'list')) as readonly { readonly id: string }[]
  const uses = keys.map(({ id }, number) => ({ name: machines[number % machines.length] ?? '', keyId: id }))
  await importInventory(server, uses)
  const hamburg = await makeHamburg(server)
  await server.json('token', 'create', '--role', 'viewer', '--name', 'monitoring')
  await server.json('token', 'create', '--role', 'operator', '--instance', 'vsan-hamburg', '--name', 'anna')
  const { certificate } = await clientCertificate('self-signed-other')
  await server.json('client', 'block', certificate.sha256, '--reason', 'stolen laptop')
  await server.json('server-cert', 'renew')
  assert.ok(await showCertificate(server.kmip, (await clientCertificate('self-signed')).tls))
  return [
    ...[...menu, ...settings].map(({ path: where }) => where),
    '/clients/blocked',
    '/audit/prove',
    `/keys/default/${keys[0]?.id ?? ''}`,
    ...hamburg.map((id) => `/keys/vsan-hamburg/${id}`),
    '/clients/default/vcenter-berlin',
    '/settings/instances/default',
  ]
}

/** An instance whose destroyed keys can be brought back: with one that is, one deactivated, and one not active yet. */
async function makeHamburg(server: EmbeddedServer): Promise<readonly string[]> {
  const instance = ['--instance', 'vsan-hamburg'] as const
  await server.json('instance', 'create', 'vsan-hamburg')
  await server.json('instance', 'set', 'vsan-hamburg', '--destroy-delay', '7d')
  const ids: string[] = []
  for (const name of ['cluster-1', 'cluster-2', 'cluster-3']) {
    const { id } = (await server.json('key', 'create', ...instance, '--name', name)) as {
      readonly id: string
    }
    ids.push(id)
  }
  const [destroyed = '', deactivated = ''] = ids
  await server.json('key', 'activate', deactivated, ...instance)
  await server.json('key', 'revoke', deactivated, ...instance)
  await server.json('key', 'destroy', destroyed, ...instance, '--yes')
  return ids
}
