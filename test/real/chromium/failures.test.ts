// Each request of each page fails once: the page says so, offers to ask again, and is whole then.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawn } from './browser-checks.ts'
import { openConsole } from '../../support/clients/browser.ts'
import { fillForConsole } from './console-scene.ts'

test('a page says of each request that fails that it did, and asks again', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page, server } = console
  const places = await fillForConsole(server)
  const asked = new Set<string>()
  page.on('request', (request) => {
    const { pathname } = new URL(request.url())
    if (pathname.startsWith('/api/') && !pathname.endsWith('/session')) asked.add(pathname)
  })
  const [{ id: instance }] = (await server.json('instance', 'list')) as [{ readonly id: string }]
  // Without it the list of keys does not say how many there are in all.
  const unsaid = `/keys: /api/v1/instances/${instance}`
  for (const where of places) {
    // A page that looks by itself goes on until the next one is there.
    await page.goto('about:blank')
    asked.clear()
    await console.open(where)
    await drawn(page)
    for (const path of asked) {
      if (`${where}: ${path}` === unsaid) continue
      const what = ({ pathname }: URL): boolean => pathname === path
      await page.route(what, (route) => route.abort())
      await page.reload()
      await drawn(page)
      await page.evaluate("document.querySelectorAll('main details').forEach((one) => (one.open = true))")
      const alert = page.getByRole('alert').getByText('the server does not answer').first()
      await alert.waitFor().catch((cause: unknown) => {
        throw new Error(`${where} does not say that ${path} failed`, { cause })
      })
      await page.unroute(what)
      const again = page.getByRole('button', { name: 'Try again' })
      while ((await again.count()) > 0)
        await again
          .first()
          .click({ timeout: 1_000 })
          .catch(() => {})
      await alert.waitFor({ state: 'detached' })
    }
  }
})

test('a name that cannot be one is refused in the words of the form', async (t) => {
  const console = await openConsole(t, '/settings/instances')
  if (!console) return
  const { page } = console
  await page.getByText('Create an instance').click()
  for (const [name, words] of [
    ['   ', 'name: it is empty'],
    ['x'.repeat(201), 'name: it has more than 200 characters'],
  ] as const) {
    await page.getByLabel('Name', { exact: true }).fill(name)
    await page.getByRole('button', { name: 'Create it' }).click()
    await page.getByRole('alert').getByText(words, { exact: true }).waitFor()
    assert.equal(await page.getByText('openapi.json').count(), 0)
  }
})

test('what is not there is said without the command that lists the others', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page, server } = console
  const [{ id: instance }] = (await server.json('instance', 'list')) as [{ readonly id: string }]
  await console.open(`/keys/${instance}/5b1f6d5a-6f0e-4b0e-9a53-0d8c3a1f9f0e`)
  const alert = page.getByRole('alert')
  await alert.getByText(/there is no key 5b1f6d5a/).waitFor()
  assert.doesNotMatch(await alert.innerText(), /mortise/)
})
