// A stolen certificate is blocked in the browser: by its fingerprint or as PEM, also where a CA vouches for it, with a reason.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertAccessible } from './browser-checks.ts'
import { openConsole } from '../../support/clients/browser.ts'
import { clientCertificate } from '../../support/certificates/certificates.ts'

test('a certificate that is no client’s own is blocked, with a reason', async (t) => {
  const console = await openConsole(t, '/clients/blocked')
  if (!console) return
  const { page, server } = console
  await server.issue('vcenter')
  const [one, other] = [await clientCertificate('self-signed'), await clientCertificate('self-signed-other')]
  const which = page.getByLabel('Its fingerprint (SHA-256), or the certificate, PEM')
  const button = page.getByRole('button', { name: 'Block it' })
  await which.fill(one.certificate.sha256.slice(0, 40))
  await button.click()
  await page.getByRole('alert').getByText('This is no whole SHA-256 fingerprint').waitFor()
  await which.fill(one.certificate.sha256.toUpperCase().replaceAll(/(..)(?=.)/g, '$1:'))
  await page.getByLabel('Why').fill('stolen laptop')
  await assertAccessible(page, 'a certificate to be blocked')
  await button.click()
  await page.getByText('stolen laptop').waitFor()
  assert.equal(await which.inputValue(), '')
  await which.fill(`\ufeff${other.certificate.pem.replaceAll('\n', '\r\n')}`)
  await button.click()
  await page.getByText('no reason was given').waitFor()

  await console.open('/clients/default/vcenter')
  await page.getByRole('button', { name: 'Block for good…' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Why').fill('sold')
  await dialog.getByLabel('Type vcenter to go on').fill('vcenter')
  await dialog.getByRole('button', { name: 'Block it' }).click()
  await dialog.waitFor({ state: 'detached' })
  const blocks = (await server.json('client', 'blocks')) as readonly {
    readonly sha256: string
    readonly reason: string
  }[]
  const reasons = new Map(blocks.map(({ sha256, reason }) => [sha256, reason]))
  assert.deepEqual(
    [
      reasons.get(one.certificate.sha256),
      reasons.get(other.certificate.sha256),
      [...reasons.values()].includes('sold'),
    ],
    ['stolen laptop', '', true],
  )
})

test('the reason for one block is not there for the next', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page, server } = console
  await server.issue('vcenter')
  await console.open('/clients/default/vcenter')
  const dialog = page.getByRole('dialog')
  const why = dialog.getByLabel('Why')
  await page.getByRole('button', { name: 'Block for good…' }).click()
  await why.fill('stolen laptop')
  await dialog.getByRole('button', { name: 'Leave it' }).click()
  await dialog.waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Block for good…' }).click()
  assert.equal(await why.inputValue(), '')
})
