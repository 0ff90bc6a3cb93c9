// From an unknown vCenter to the first green, with the keyboard only: its certificate appears, the wrong fingerprint is
// refused, the right one trusts it, and its keys are found by their machine. An operator of one instance issues a pair.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { assertAccessible, assertFits, tabTo } from './browser-checks.ts'
import { firstToken, openConsole, openPage, startBrowser } from '../../support/clients/browser.ts'
import { showCertificate } from '../../support/attacks/show-certificate.ts'
import { clientCertificate } from '../../support/certificates/certificates.ts'
import { startServer } from '../../support/server/server.ts'
import { playVsphere } from '../../support/clients/vsphere.ts'

/** A certificate appears within two seconds, as the page says: it looks again a second after each answer. */
const appearsWithinMs = 2_000

/** Between two looks at who waits. The machine may be busy during some. */
async function leastGapMs(page: Page): Promise<number> {
  const looks = await page.evaluate<number[]>(`performance.getEntriesByType('resource')
    .filter(({ name }) => name.endsWith('/api/v1/pending')).map(({ startTime }) => startTime)`)
  return Math.min(...looks.slice(1).map((atMs, index) => atMs - (looks[index] ?? 0)))
}

test('a vCenter is trusted with the keyboard only, and its keys are found by their machine', async (t) => {
  await using server = await startServer()
  await using browser = await startBrowser(t)
  if (!browser) return
  await using console = await openPage(browser, server)
  const { page } = console
  // The reader's clock is an hour ahead of the server's.
  await page.addInitScript('const { now } = Date; Date.now = () => now() + 3_600_000')
  await console.open('/connect')
  await page.getByLabel('Token').waitFor()
  await tabTo(page, 'textbox', 'Token')
  await page.keyboard.type(firstToken(server))
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Connect vCenter' }).waitFor()
  await page.getByText('No unknown client has connected yet').waitFor()

  const vcenter = await clientCertificate('self-signed')
  assert.ok(await showCertificate(server.kmip, vcenter.tls))
  await page.getByText('CN=kmipClient', { exact: false }).first().waitFor()
  const gapMs = await leastGapMs(page)
  assert.ok(gapMs < appearsWithinMs, `the page looks every ${gapMs} ms`)

  const { sha256 } = vcenter.certificate
  await tabTo(page, 'textbox', "The fingerprint (SHA-256) of vCenter's certificate, or the certificate")
  await page.keyboard.type(sha256.replace(/^./, (digit) => (digit === '0' ? '1' : '0')))
  await page.getByText('Different. This is another certificate').waitFor()
  assert.ok(await page.getByRole('button', { name: 'Trust it' }).first().isDisabled())
  const other = await clientCertificate('self-signed-other')
  await page.keyboard.press('ControlOrMeta+A')
  await page.keyboard.insertText(other.certificate.pem.replaceAll('\n', ''))
  await page.getByText('Different. This is another certificate').waitFor()
  await page.keyboard.press('ControlOrMeta+A')
  await page.keyboard.insertText(vcenter.certificate.pem.replaceAll('\n', ''))
  await page.getByText('The same: all 64 digits agree.').waitFor()
  await page.keyboard.press('ControlOrMeta+A')
  await page.keyboard.insertText('AB:CD')
  await page.getByText('This is no whole SHA-256 fingerprint').waitFor()
  await page.keyboard.press('ControlOrMeta+A')
  await page.keyboard.insertText(sha256.toUpperCase().replaceAll(/(..)(?=.)/g, '$1:'))
  await page.getByText('The same: all 64 digits agree.').waitFor()
  await assertAccessible(page, 'a pending client')
  await tabTo(page, 'textbox', 'Name it')
  await page.keyboard.type('vcenter-1')
  await page.keyboard.press('Enter')
  await page.getByText('vcenter-1 is trusted', { exact: false }).waitFor()

  const report = await playVsphere(vcenter.tls, [server.kmip], 'b,e')
  assert.ok(report.ok)
  await page.getByText('Its light in vCenter is green').waitFor()
  await assertAccessible(page, 'the first connection')

  const expired = await clientCertificate('expired-lately')
  assert.ok(await showCertificate(server.kmip, expired.tls))
  await page.getByText('Certificate expired').waitFor()
  await page.getByText('Have vCenter make a new one').waitFor()
  await assertAccessible(page, 'a pending client whose certificate has expired')
  await page.getByText('Other ways').click()
  const paste = page.locator('form', { hasText: 'Paste its certificate' })
  await paste.getByLabel('Name it').fill('vcenter-old')
  await paste.getByLabel('The certificate, PEM').fill(expired.certificate.pem)
  await paste.getByRole('button').click()
  await page.getByText('vcenter-old is trusted', { exact: false }).waitFor()
  await page.getByText('trust its successor').waitFor()

  const keys = (await server.json('key', 'list')) as readonly {
    readonly vsphere: { readonly name: string }
  }[]
  const machine = keys[0]?.vsphere.name ?? ''
  assert.ok(machine)
  await console.open('/keys')
  await page.getByLabel('Machine, name or identifier').fill(machine.slice(1).toUpperCase())
  await page.waitForURL(/contains=/)
  await page.getByRole('link', { name: machine }).first().click()
  await page.getByRole('heading', { level: 1 }).getByText(machine).waitFor()
  for (const where of ['/keys', '/clients', new URL(page.url()).pathname]) {
    await console.open(where)
    await page.getByRole('heading', { level: 1 }).waitFor()
    await page.setViewportSize({ width: 400, height: 800 })
    await assertFits(page, `${where} on a phone`)
  }
})

test('an operator of one instance issues a pair there, and does not see who waits', async (t) => {
  await using server = await startServer()
  await server.json('instance', 'create', 'branch')
  const olga = ['--role', 'operator', '--instance', 'branch', '--name', 'olga'] as const
  const made = await server.json('token', 'create', ...olga)
  const vcenter = await clientCertificate('self-signed')
  assert.ok(await showCertificate(server.kmip, vcenter.tls))
  await using browser = await startBrowser(t)
  if (!browser) return
  await using console = await openPage(browser, server)
  const { page } = console
  await console.open('/')
  await console.logIn((made as { readonly token: string }).token)
  await page.getByRole('button', { name: 'Connect vCenter' }).click()
  await page.getByText('With a token for one instance you trust what Mortise signs').waitFor()
  await assertAccessible(page, 'the page of an operator of one instance')
  assert.equal(await page.getByText('CN=kmipClient').count(), 0)
  assert.equal(await page.getByText('Paste its certificate').count(), 0)
  const pair = page.locator('form', { hasText: 'Issue a pair' })
  await pair.getByLabel('Name it').fill('vcenter-branch')
  const [download] = await Promise.all([page.waitForEvent('download'), pair.getByRole('button').click()])
  const saved = readFileSync(await download.path(), 'utf8')
  const at = saved.indexOf('-----BEGIN PRIVATE KEY-----')
  await page.getByText('vcenter-branch is trusted', { exact: false }).waitFor()
  const issued = { cert: saved.slice(0, at), key: Buffer.from(saved.slice(at)) }
  const report = await playVsphere(issued, [server.kmip], 'b,e')
  assert.ok(report.ok)
  await page.getByText('Its light in vCenter is green').waitFor()
})

test('a reader of the screen hears of somebody who waits once, and not of every look', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page, server } = console
  assert.ok(await showCertificate(server.kmip, (await clientCertificate('self-signed')).tls))
  await console.open('/connect')
  await page.getByText('CN=kmipClient').first().waitFor()
  await page.evaluate(`{
    globalThis.said = []
    new MutationObserver((changes) => said.push(...changes.map(({ target }) => target.parentElement)
      .filter((one) => one.closest('[aria-live], [role=status], [role=alert]')).map((one) => one.textContent).filter((text) => text !== '')))
      .observe(document.body, { subtree: true, childList: true, characterData: true })
  }`)
  const before = await page.locator('time').first().innerText()
  for (let looks = 0; looks < 3; looks++) await page.waitForResponse(/\/pending$/)
  await page.getByText(before, { exact: true }).waitFor({ state: 'detached' })
  assert.deepEqual(await page.evaluate('said'), [])
  assert.ok(await showCertificate(server.kmip, (await clientCertificate('self-signed-other')).tls))
  await page.getByText('2 unknown clients here').waitFor()
  assert.deepEqual(await page.evaluate('said'), ['2 unknown clients here'])
})
