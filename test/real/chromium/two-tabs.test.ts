// Two people at one client: what the other changed is what the page shows once it has asked again, and nothing is put back unasked.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openConsole } from '../../support/clients/browser.ts'

test('rights that somebody else took away are not offered to be saved again', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page, server } = console
  await server.issue('vcenter-1')
  const [client] = (await server.json('client', 'list')) as readonly { readonly id: string }[]
  await console.open(`/clients/default/${client?.id}`)
  const may = page.getByLabel('It may', { exact: true })
  const before = await may.inputValue()
  assert.notEqual(before, 'read')
  await server.json('client', 'set', 'vcenter-1', '--allow', 'read')
  // Whatever is done there, the page asks again.
  await page.getByRole('button', { name: 'Withdraw trust…' }).click()
  await page.getByRole('dialog').getByRole('textbox').fill('vcenter-1')
  await page.getByRole('dialog').getByRole('button', { name: 'Withdraw trust' }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Withdraw trust…' }).waitFor({ state: 'detached' })
  assert.equal(await may.inputValue(), 'read')
  assert.ok(await page.getByRole('button', { name: 'Save' }).isDisabled())
})

test('what somebody may do no more is not offered any more, without a reload', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page } = console
  await page.clock.install()
  await console.open('/settings/tokens')
  await page.getByText('Create a token').waitFor()
  await page.route('**/api/v1/session', async (route) => {
    const response = await route.fetch()
    await route.fulfill({ response, json: { ...(await response.json()), role: 'viewer' } })
  })
  await page.clock.runFor(31_000)
  await page.getByText('Create a token').waitFor({ state: 'detached' })
  await page.getByText(', viewer').waitFor()
})

test('who does something in a session that was ended elsewhere hears that it was not done', async (t) => {
  const console = await openConsole(t, '/settings/instances')
  if (!console) return
  const { page, server } = console
  await page.getByText('Create an instance').click()
  await page.getByLabel('Name').fill('berlin')
  const session = String(await page.evaluate("sessionStorage.getItem('mortise-session')"))
  const headers = { Authorization: `Bearer ${session}` }
  assert.ok((await page.request.delete(`${server.admin}/api/v1/session`, { headers, maxRetries: 3 })).ok())
  await page.getByRole('button', { name: 'Create it' }).click()
  await page.getByText('It had ended before what you did last, which was not done.').waitFor()
  const instances = (await server.json('instance', 'list')) as readonly unknown[]
  assert.equal(instances.length, 1)
})

test('a key that was fetched more often than is counted says so', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page, server } = console
  const { id } = (await server.json('key', 'create')) as { readonly id: string }
  const fetches = { times: 5_000, complete: false, by: [] }
  await page.route(`**/keys/${id}`, async (route) => {
    const response = await route.fetch()
    await route.fulfill({ response, json: { ...(await response.json()), fetches } })
  })
  await console.open(`/keys/default/${id}`)
  await page.getByText('Only the last 5,000 times are counted here').waitFor()
  await page.getByRole('link', { name: 'all of them in the audit log' }).click()
  await page.getByRole('heading', { name: 'Audit' }).waitFor()
  assert.match(page.url(), new RegExp(`object=${id}&action=key.get`))
})
