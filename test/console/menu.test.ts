// Where the menu says the reader is, and what it offers.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { entryOf, menu, offeredTo, settings, titleOf } from '../../console/src/menu.ts'

test('a path is under one entry of the menu, and the window is called after the nearest page', () => {
  assert.equal(entryOf('/')?.title, 'Overview')
  assert.equal(entryOf('/keys/1/2')?.title, 'Keys')
  assert.equal(entryOf('/keysmith')?.title, undefined)
  assert.equal(entryOf('/settings/instances/1')?.title, 'Settings')
  assert.equal(titleOf('/settings/instances/1'), 'Instances · Mortise')
  assert.equal(titleOf('/settings'), 'Settings · Mortise')
  assert.equal(titleOf('/nowhere'), 'Mortise')
})

test('a token for one instance is offered nothing of the server', () => {
  const titles = [...offeredTo(menu, false), ...offeredTo(settings, false)].map(({ title }) => title)
  assert.ok(!titles.includes('People') && !titles.includes('Backups'))
  assert.ok(titles.includes('Connect vCenter') && titles.includes('Instances') && titles.includes('Tokens'))
  assert.equal(offeredTo(menu, true).length, menu.length)
})
