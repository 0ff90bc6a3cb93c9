// The reader's clock is a day ahead of the server's, in a zone with summer time: what the pages say of times is right all the same.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openConsole } from '../../support/clients/browser.ts'

const dayMs = 24 * 3600_000
const timezoneId = 'Europe/Berlin'

function zoneOf(at: Date): string {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: timezoneId,
    timeZoneName: 'short',
  }).formatToParts(at)
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? ''
}

test('a time in the other half of the year has its own zone, and what is new is new', async (t) => {
  const console = await openConsole(t, '/', { timezoneId, locale: 'en-US' })
  if (!console) return
  const { page, server } = console
  const days = Array.from({ length: 364 }, (_, day) => day + 1)
  const other = days.find((day) => zoneOf(new Date(Date.now() + day * dayMs)) !== zoneOf(new Date())) ?? 0
  const until = String(other + 2)
  await server.json('token', 'create', '--role', 'viewer', '--name', 'visitor', '--expires', until)
  const { id } = (await server.json('key', 'create')) as { readonly id: string }
  await page.clock.install({ time: Date.now() + dayMs })
  await console.open('/settings/tokens')
  const expires = page.getByRole('row', { name: 'visitor' }).getByRole('time')
  const at = new Date((await expires.getAttribute('datetime')) ?? '')
  assert.notEqual(zoneOf(at), zoneOf(new Date()))
  const said = new Intl.DateTimeFormat('en-US', {
    timeZone: timezoneId,
    dateStyle: 'medium',
    timeStyle: 'medium',
  })
  assert.match(
    await expires.innerText(),
    new RegExp(`^${said.format(at)}.*${zoneOf(at).replace('+', '\\+')}`),
  )
  await console.open(`/keys/default/${id}`)
  const created = page
    .getByRole('definition')
    .filter({ hasText: 'ago' })
    .or(page.getByText('just now'))
    .first()
  assert.doesNotMatch(await created.innerText(), /day|yesterday/)
})
