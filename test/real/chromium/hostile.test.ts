// Fifty hostile names, as machines, as subjects of certificates and as filters, appear as text and break nothing.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { visibleText } from '../../../console/src/parts/visible.ts'
import { showCertificate } from '../../support/attacks/show-certificate.ts'
import { assertFits } from './browser-checks.ts'
import { openConsole } from '../../support/clients/browser.ts'
import { makeCertificate } from '../../support/certificates/certificates.ts'
import { hostileNames } from './hostile-names.ts'
import { importInventory } from './inventory.ts'

async function assertHarmless(page: Page, what: string): Promise<void> {
  const found = await page.evaluate(
    `[globalThis.hacked, document.querySelectorAll('.injected, main :is(img, iframe, svg, math, script, style, base, meta)').length,
      document.querySelectorAll('h1').length]`,
  )
  assert.deepEqual(found, [undefined, 0, 1], what)
  await assertFits(page, what)
}

const said = (page: Page) =>
  page.evaluate<string[]>(`[...document.querySelectorAll('.said')].map((one) => one.textContent)`)

test('fifty hostile names appear as text', async (t) => {
  assert.ok(hostileNames.length >= 50)
  const console = await openConsole(t, '/', { viewport: { width: 400, height: 800 } })
  if (!console) return
  const { page, server } = console
  const machines: { readonly name: string; readonly keyId: string }[] = []
  for (const name of hostileNames) {
    const { id } = (await server.json('key', 'create')) as { readonly id: string }
    machines.push({ name, keyId: id })
  }
  await importInventory(server, machines)
  await console.open('/keys')
  await page.getByRole('heading', { name: 'Keys' }).waitFor()
  await page.locator('tbody tr').first().waitFor()
  while (await page.getByRole('button', { name: 'Show more' }).isVisible()) {
    const before = await page.locator('tbody tr').count()
    await page.getByRole('button', { name: 'Show more' }).click()
    await page.locator(`tbody tr:nth-child(${before + 1})`).waitFor()
  }
  const names = new Set(await said(page))
  assert.deepEqual(
    hostileNames.map(visibleText).filter((name) => !names.has(name)),
    [],
  )
  await assertHarmless(page, 'the keys')

  for (const [number, commonName] of hostileNames.entries()) {
    const { tls } = await makeCertificate({ commonName, key: 'ec' })
    assert.ok(await showCertificate(server.kmip, tls, { from: `127.0.78.${1 + Math.floor(number / 3)}` }))
  }
  await console.open('/connect')
  await page.locator(`.cards > li:nth-child(${hostileNames.length})`).waitFor()
  const subjects = (await said(page)).join('\n')
  for (const name of ['constructor.constructor', 'https://example.com'])
    assert.ok(subjects.includes(name), name)
  assert.ok(!subjects.includes('\u202e'))
  await assertHarmless(page, 'who waits')
  for (const name of hostileNames.slice(0, 8)) {
    await console.open(`/audit?objectName=${encodeURIComponent(name)}`)
    await page.getByRole('heading', { name: 'Audit' }).waitFor()
    assert.equal(await page.getByLabel('Machine, key, client or token').inputValue(), name)
    await assertHarmless(page, name)
  }
})
