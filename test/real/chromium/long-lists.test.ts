// Lists that come whole and are long: a part of them is drawn, a search finds the others, and what is urgent is not buried.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { assertAccessible } from './browser-checks.ts'
import { openConsole } from '../../support/clients/browser.ts'

/** The page hears so many of what the server has one of. */
async function multiply(page: Page, path: RegExp, change: (answer: never) => unknown): Promise<void> {
  await page.route(path, async (route) => {
    const response = await route.fetch()
    await route.fulfill({ response, json: change((await response.json()) as never) })
  })
}

const named = (one: object | undefined, count: number) =>
  Array.from({ length: count }, (_, number) => ({ ...one, id: `id-${number}`, name: `vc-${number}` }))

test('among ten thousand clients a hundred are drawn, and one is found', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page, server } = console
  await server.issue('vcenter')
  await multiply(page, /\/api\/.*\/clients$/, ([client]: [object]) => named(client, 10_000))
  await console.open('/clients')
  await page.getByText('100 shown of 10,000').waitFor()
  assert.equal(await page.getByRole('rowheader').count(), 100)
  await page.getByRole('button', { name: 'Show more' }).click()
  await page.getByText('200 shown of 10,000').waitFor()
  await page.getByLabel('Name, address or fingerprint').fill('VC-9876')
  await page.getByText('1 shown of 1', { exact: true }).waitFor()
  await page.getByLabel('Name, address or fingerprint').fill('nobody')
  await page.getByText('None fits.').waitFor()
  await page.getByLabel('Name, address or fingerprint').fill('VC-9876')
  await page.getByRole('rowheader').getByText('vc-9876').waitFor()
  await assertAccessible(page, 'a long list')
})

test('root keys are asked for twenty at a time, and an instance leads to its own', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page, server } = console
  await server.json('instance', 'create', 'hamburg')
  await console.open('/settings/instances/hamburg')
  await page.getByRole('link', { name: 'Its versions, and how to change it' }).click()
  await page.getByRole('heading', { name: 'hamburg' }).waitFor()
  assert.equal(await page.getByRole('heading', { name: 'default' }).count(), 0)
  await page.getByRole('link', { name: 'Those of all instances' }).click()
  await page.getByRole('heading', { name: 'default' }).waitFor()
  await console.open('/settings/root-keys?instance=munich')
  await page.getByText('There is no such instance.').waitFor()
  await page.getByRole('link', { name: 'Those of all instances' }).click()
  await multiply(page, /\/status$/, (status: { readonly instances: readonly object[] }) => ({
    ...status,
    instances: named(status.instances[0], 1_000),
  }))
  const asked = new Set<string>()
  page.on('request', (request) => request.url().includes('/instances/') && asked.add(request.url()))
  await page.reload()
  await page.getByText('20 shown of 1,000').waitFor()
  await page.getByRole('heading', { name: 'vc-19' }).waitFor()
  assert.equal(asked.size, 20)
})

test('a thousand certificates that expired take one place among what needs attention', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page } = console
  const base = { id: 'certificate-expired', severity: 'critical', instance: 'default', action: 'Renew it.' }
  const expired = Array.from({ length: 1_000 }, (_, number) => ({
    ...base,
    message: `the certificate of vc-${number} expired`,
  }))
  const other = { ...base, id: 'root-key-failing', message: 'the root key fails', action: 'Look.' }
  await multiply(page, /\/status$/, (status: object) => ({ ...status, conditions: [...expired, other] }))
  await console.open('/')
  await page.getByText('the root key fails').waitFor()
  assert.equal(await page.locator('.conditions > li').count(), 2)
  assert.equal(await page.getByText('the certificate of vc-999 expired').count(), 0)
  await page.getByText('And 999 more of this kind').click()
  await page.getByText('the certificate of vc-999 expired').waitFor()
  await assertAccessible(page, 'many conditions')
})
