import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isHttpsOrLocal, isLoopback } from '../../src/base/loopback.ts'

test('names and addresses of this machine alone', () => {
  for (const host of ['localhost', '127.0.0.1', '127.9.8.7', '::1', '[::1]'])
    assert.ok(isLoopback(host), host)
  for (const host of [
    '',
    '10.0.0.1',
    '0.0.0.0',
    '::',
    'localhost.example.com',
    '127.example.com',
    '1.127.0.0',
  ])
    assert.ok(!isLoopback(host), host)
})

test('HTTP is only for this machine, HTTPS for all, and nothing else is for any', () => {
  for (const url of ['https://example.com/x', 'http://localhost:1/x', 'http://[::1]/', 'http://127.0.0.1/'])
    assert.ok(isHttpsOrLocal(new URL(url)), url)
  for (const url of ['http://example.com/', 'ftp://127.0.0.1/', 'file:///etc/hosts'])
    assert.ok(!isHttpsOrLocal(new URL(url)), url)
})
