// The console in a browser: logging in and out, every page, and what a token may see.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Route } from 'playwright-core'
import { firstToken, openConsole, openPage, startBrowser } from '../../support/clients/browser.ts'
import { startServer } from '../../support/server/server.ts'

const pages = [
  ['/', 'Overview'],
  ['/connect', 'Connect vCenter'],
  ['/keys', 'Keys'],
  ['/clients', 'Clients'],
  ['/audit', 'Audit'],
] as const

const everythingKept = 'JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie])'

test('a token opens every page, by the menu and by its address, and logging out closes them', async (t) => {
  await using server = await startServer()
  await using browser = await startBrowser(t)
  if (!browser) return
  await using console = await openPage(browser, server)
  const { page } = console
  await console.open('/keys?state=Active')
  await console.logIn('not-a-token')
  await page.getByRole('alert').getByText('a valid token is needed').waitFor()
  const advice = (await page.getByRole('alert').textContent()) ?? ''
  assert.match(advice, /Copy the whole line again/)
  assert.doesNotMatch(advice, /Bearer/)
  await console.logIn('\u201cnot-a-token\u2026\u201d')
  await page.getByRole('alert').getByText('This is no token').waitFor()
  await console.logIn(`\u200b${firstToken(server)}\u200b `)
  await page.getByRole('heading', { name: 'Keys', level: 1 }).waitFor()
  assert.equal(await page.getByLabel('State').inputValue(), 'Active')
  for (const [path, title] of pages) {
    await page.getByRole('navigation').getByRole('link', { name: title, exact: true }).click()
    await page.getByRole('heading', { name: title, level: 1 }).waitFor()
    assert.equal(new URL(page.url()).pathname, path)
    await page.reload()
    await page.getByRole('heading', { name: title, level: 1 }).waitFor()
  }
  const stored = String(await page.evaluate(everythingKept))
  assert.ok(!stored.includes(firstToken(server)), 'the page keeps no token')
  await page.getByRole('navigation').getByRole('link', { name: 'Overview', exact: true }).click()
  // What the page asks by itself says so: it does not keep the session alive.
  await page.waitForRequest((request) => request.headers()['mortise-background'] === '1')
  await page.getByRole('button', { name: 'Log out' }).click()
  await page.getByRole('button', { name: 'Log in' }).waitFor()

  // The next to log in sees no page by the role of the one before.
  const isAsked = Promise.withResolvers<Route>()
  await page.route('**/api/v1/session', (route) => {
    if (route.request().method() === 'GET') isAsked.resolve(route)
    else void route.continue()
  })
  await console.logIn(firstToken(server))
  const asked = await isAsked.promise
  await page.getByText('Asking the server').waitFor()
  assert.equal(await page.getByRole('navigation').count(), 0)
  await asked.continue()
  await page.getByRole('navigation').waitFor()
})

test('the overview leads to a destroyed key that can be brought back, among those that cannot', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page, server } = console
  const ids: string[] = []
  for (const [name, delay] of [
    ['gone', '0'],
    ['payroll', '7d'],
  ] as const) {
    await server.json('instance', 'set', 'default', '--destroy-delay', delay)
    const { id } = (await server.json('key', 'create', '--name', name)) as { readonly id: string }
    await server.json('key', 'destroy', id, '--yes')
    ids.push(id)
  }
  await console.open('/')
  await page.getByRole('link', { name: 'See which ones, and bring them back' }).click()
  await page.getByText(ids[1] ?? '').waitFor()
  assert.equal(await page.getByRole('row').count(), 2, 'the head and one key')
  await page.getByRole('rowheader').getByRole('link').click()
  await page.getByRole('button', { name: 'Bring back…' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Bring it back' }).click()
  await page.getByRole('button', { name: 'Bring back…' }).waitFor({ state: 'detached' })
  const { state } = (await server.json('key', 'show', ids[1] ?? '')) as { readonly state: string }
  assert.ok(!state.startsWith('Destroyed'), state)
})

test('an address that nobody can read, and that of no page, lead to the overview', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page } = console
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  for (const [path, title] of [
    ['/keys/default/%', 'This page cannot be shown'],
    ['//', 'This page cannot be shown'],
    ['/nowhere', 'There is no such page'],
  ] as const) {
    await console.open(path)
    await page.getByRole('heading', { name: title }).waitFor()
    await page.getByRole('link', { name: 'To the overview' }).click()
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
  }
})

test('a filter that is chosen just after a search was typed stays', async (t) => {
  const console = await openConsole(t, '/keys')
  if (!console) return
  const { page } = console
  await page.getByText('No key fits.').waitFor()
  await page.clock.install()
  await page.getByLabel('Machine, name or identifier').fill('payroll')
  await page.getByLabel('State').selectOption('Active')
  await page.clock.runFor(1_000)
  await page.waitForURL(/contains=payroll/)
  assert.match(page.url(), /state=Active/)
})
