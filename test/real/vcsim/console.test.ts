// The console's pages about vCenters, in a real browser, with vcsim and the proxy before it: added, connected, read, and its machines get new
// keys, without a command.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import { firstToken, openPage, startBrowser } from '../../support/clients/browser.ts'
import { startEmbedded } from '../../support/server/server.ts'
import { SoapClient } from '../../support/vcenter/client.ts'
import { startVcenter, type Vcenter } from '../../support/vcenter/vcenter.ts'
import { vcsimTestTimeoutMs } from '../../support/vcenter/vcsim.ts'
import { assertAccessible, assertFits } from '../chromium/browser-checks.ts'
import { RekeySite } from './rekey-site.ts'

test(
  'a vCenter is added, connected and read, and its machines get new keys, in the console alone',
  { timeout: vcsimTestTimeoutMs },
  async (t) => {
    const vcenter = await startVcenter(t, { arguments: ['-autostart=false', '-vm', '2'] })
    if (!vcenter) return
    await using browser = await startBrowser(t)
    if (!browser) return
    await using server = await startEmbedded()
    await using console = await openPage(browser, server)
    const { page } = console
    await console.open('/vcenters')
    await console.logIn(firstToken(server))
    await add(page, vcenter)
    const site = new RekeySite(vcenter, await SoapClient.logIn(vcenter), server)

    const connect = await opened(page, 'Connect it')
    await logIn(connect, vcenter, 'not the password')
    await connect.getByRole('button', { name: 'Say what would be done' }).click()
    await connect.getByText('It did not reach its end').waitFor()
    await connect
      .getByRole('alert')
      .getByText(/password/i)
      .first()
      .waitFor()
    await logIn(connect, vcenter)
    await connect.getByRole('button', { name: 'Say what would be done' }).click()
    await connect.getByText('That is all that would be done.').waitFor()
    assert.deepEqual(
      (await vcenter.calls()).filter((call) => /^(?:Register|Upload)/.test(call)),
      [],
    )
    await assertAccessible(page, 'what a connect would do')
    await connect.getByLabel("Make it vCenter's default key provider").check()
    await connect.getByRole('button', { name: 'Connect', exact: true }).click()
    await connect.getByText('Done.', { exact: true }).waitFor()
    await page.getByText('mortise-default, last proved').waitFor()

    await site.encryptAll()
    const login = await opened(page, 'Store a login')
    await logIn(login, vcenter)
    await login.getByRole('button', { name: 'Try it and store it' }).click()
    await page.getByText('stored, sealed; no backup has it.').waitFor()
    await page.getByRole('button', { name: 'Read the inventory now' }).click()
    await page.getByText(/^[1-9]\d* keys of machines, disks and snapshots read\./).waitFor()

    await rekey(page, vcenter)
    await site.assertDone()
    await page.getByText('Its machines, with their old and new keys').click()
    await page.getByRole('cell', { name: 'done', exact: false }).first().waitFor()
    await assertAccessible(page, 'a campaign that is done')
    await page.setViewportSize({ width: 400, height: 800 })
    await assertFits(page, 'a vCenter on a phone')
    await page.setViewportSize({ width: 1280, height: 900 })

    await page.getByRole('button', { name: 'Forget this vCenter' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Forget it' }).click()
    await page.getByText('No vCenter was added to this instance.').waitFor()
    assert.deepEqual(await server.json('vcenter', 'list'), [])
  },
)

async function add(page: Page, { host, port, shown }: Vcenter): Promise<void> {
  await page.getByText('No vCenter was added to this instance.').waitFor()
  await page.getByLabel('Its address').fill(`${host}:1`)
  await page.getByRole('button', { name: 'Look at its certificate' }).click()
  await page.getByRole('alert').waitFor()
  await page.getByLabel('Its address').fill(`${host}:${port}`)
  await page.getByRole('button', { name: 'Look at its certificate' }).click()
  const compare = page.getByLabel("The fingerprint (SHA-256) of vCenter's certificate, or the certificate")
  await compare.fill('00'.repeat(32))
  await page.getByText('Different. Another server answers at this address').waitFor()
  const adding = page.getByRole('button', { name: 'Add it', exact: true })
  assert.ok(await adding.isDisabled())
  await compare.fill(shown.sha256)
  await page.getByText('The same: all 64 digits agree.').waitFor()
  await assertAccessible(page, 'a vCenter that is added')
  await page.getByLabel('Name it').first().fill('vc')
  await adding.click()
  await page.getByRole('heading', { level: 1, name: 'vc' }).waitFor()
}

async function rekey(page: Page, vcenter: Vcenter): Promise<void> {
  await page.getByText('No campaign was planned.').waitFor()
  const plan = await opened(page, 'Plan new keys')
  await plan.getByLabel('Machines, hosts and vSAN clusters').fill('DC0_*\nDC0_*')
  await plan.getByLabel(/Do not wait for a backup elsewhere/).check()
  await plan.getByRole('button', { name: 'Plan it' }).click()
  await page.getByText('It is planned, and was not begun.').waitFor()
  const begin = page.locator('form', { has: page.getByRole('button', { name: 'Begin' }) })
  await logIn(begin, vcenter)
  await begin.getByRole('button', { name: 'Begin' }).click()
  await page.getByText('It is done.').waitFor()
}

/** The part of the page that its words fold out. */
async function opened(page: Page, words: string): Promise<Locator> {
  const summary = page.locator('summary', { hasText: new RegExp(`^${words}`) })
  await summary.click()
  return page.locator('details', { has: summary })
}

async function logIn(form: Locator, { username, password }: Vcenter, other = password): Promise<void> {
  await form.getByLabel('User in vCenter').fill(username)
  await form.getByLabel('Password').fill(other)
}
