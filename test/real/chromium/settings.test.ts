// Settings in a browser, each seen by somebody else afterwards: what a client may ask for, the limits of an instance, a key's
// history, a backup for an age recipient, and an upstream that is named, asked and removed.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { createKey, getKey } from '../../../src/outside/kmip-client/calls.ts'
import { connectKmip } from '../../../src/outside/kmip-client/client.ts'
import { assertAccessible } from './browser-checks.ts'
import { openConsole } from '../../support/clients/browser.ts'
import { clientCertificate } from '../../support/certificates/certificates.ts'
import { openOldKmipServer, textOf } from '../../support/old-kmip-server/fake.ts'
import { active, holding, keyOf, known } from '../../support/old-kmip-server/keys.ts'

const ids = ['old-1', 'old-2']

test('what is set in the console holds', async (t) => {
  await using old = await openOldKmipServer({
    ...holding(ids),
    Get: ({ UniqueIdentifier }) => keyOf(known(ids, textOf(UniqueIdentifier))),
    GetAttributes: ({ UniqueIdentifier }) => ({
      UniqueIdentifier: textOf(UniqueIdentifier),
      Attribute: active,
    }),
  })
  const console = await openConsole(t)
  if (!console) return
  const { page, server } = console
  const { tls } = await server.issue('vcenter')
  const { cert, key } = tls
  await using client = connectKmip({ addresses: [server.kmip], cert, key, trust: { by: 'nothing' } })

  await console.open('/clients/default/vcenter')
  await page.getByLabel('It may', { exact: true }).selectOption('read')
  await Promise.all([
    page.waitForResponse((response) => response.request().method() !== 'GET' && response.ok()),
    page.getByRole('button', { name: 'Save' }).click(),
  ])
  await assert.rejects(createKey(client), /not allowed|permission/i)
  await page.getByLabel('It may', { exact: true }).selectOption({ label: 'a list of operations and sets' })
  await page.getByLabel('Operations and sets').fill('get, no-such')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('alert').getByText('no-such is no operation of KMIP').waitFor()

  await console.open('/settings/instances/default')
  await page.getByLabel('Limit of keys').fill('5')
  await page.getByRole('button', { name: 'Save the settings' }).click()
  await page.getByText(/ of 5$/).waitFor()

  await page.getByRole('button', { name: 'Close this instance' }).click()
  const dialog = page.getByRole('dialog')
  const closing = dialog.getByRole('button', { name: 'Close this instance' })
  assert.ok(await closing.isDisabled(), 'it asks why')
  await dialog.getByLabel('Why').fill('a host was stolen')
  await assertAccessible(page, 'the dialog that closes an instance')
  await closing.click()
  await page.getByText('None of its keys is used since').waitFor()
  await assert.rejects(createKey(client), /closed this instance/)
  await console.open('/settings/instances')
  await page.getByRole('rowheader').getByText('closed').waitFor()
  await console.open('/settings/instances/default')
  await page.getByRole('button', { name: 'Open it' }).click()
  await page.getByRole('button', { name: 'Close this instance' }).waitFor()

  const { id } = (await server.json('key', 'create', '--name', 'one')) as { readonly id: string }
  await console.open(`/keys/default/${id}`)
  await page.getByRole('button', { name: 'Activate' }).click()
  await page.getByRole('listitem').getByText('activated').waitFor()

  await console.open('/settings/adoption')
  await page.getByText('Name the old server').click()
  const fill = (label: string, text: string) => page.getByLabel(label).fill(text)
  await fill('Its addresses', `127.0.0.1:${old.port}`)
  await fill('How to recognize it', 'the old one')
  const { tls: mine } = await clientCertificate('client-auth')
  await fill('A client certificate that it trusts', mine.cert)
  await fill('The private key of that certificate', mine.key)
  await page.getByRole('button', { name: 'Try it and name it' }).click()
  await page.getByRole('alert').getByText('64 hexadecimal digits').waitFor()
  await fill('How to recognize it', old.sha256.toUpperCase())
  await page.getByRole('button', { name: 'Try it and name it' }).click()
  await page.getByText('it is asked for identifiers that are unknown here').waitFor()
  assert.ok(!(await page.content()).includes('PRIVATE KEY'), 'the page shows no private key')
  assert.ok(await getKey(client, 'old-1'))
  await page.getByText(/^1, last/).waitFor()
  await page.getByRole('button', { name: 'Remove it…' }).click()
  const remove = page.getByRole('button', { name: 'Remove it', exact: true })
  await remove.waitFor()
  await assertAccessible(page, 'the end of the upstream')
  await remove.click()
  await page.getByText('Name the old server').waitFor()
  await assert.rejects(getKey(client, 'old-2'))

  const recipient = await identityToRecipient(await generateX25519Identity())
  await console.open('/settings/backups')
  await page.getByText('For others too, without the root keys').click()
  await page.getByLabel('age recipients of this backup').fill(recipient)
  await page.getByRole('button', { name: 'Make a backup now' }).click()
  await page.getByRole('cell').getByText(recipient).waitFor()
})
