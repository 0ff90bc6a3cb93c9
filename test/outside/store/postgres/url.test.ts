// What `server.store = "postgres://..."` may say.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describePlace, isPostgresUrl, parsePostgresUrl } from '../../../../src/outside/store/postgres/url.ts'

test('hosts, ports, user and database, each as the URL writes it', () => {
  const place = parsePostgresUrl('postgres://m%40x@db1,[2001:db8::1]:5433/key%20s?sslrootcert=/ca.pem')
  assert.deepEqual(place, {
    hosts: [
      { host: 'db1', port: 5432 },
      { host: '2001:db8::1', port: 5433 },
    ],
    user: 'm@x',
    database: 'key s',
    tls: 'verified',
    caFile: '/ca.pem',
  })
  assert.equal(describePlace(parsePostgresUrl('postgresql://m@h/d')), 'postgres://m@h:5432/d')
})

test('TLS is verified unless every host is this machine', () => {
  assert.equal(tls('postgres://m@127.0.0.1,localhost,[::1]/d'), 'none')
  assert.equal(tls('postgres://m@/d?host=/run/postgresql'), 'none')
  assert.equal(tls('postgres://m@127.0.0.1,db1/d'), 'verified')
  assert.equal(tls('postgres://m@db1/d?sslmode=require'), 'unverified')
  assert.equal(tls('postgres://m@db1/d?sslmode=disable'), 'none')
  assert.equal(tls('postgres://m@localhost/d?sslmode=verify-full'), 'verified')
})

test('several hosts may also be an option, as for other programs', () => {
  const { hosts } = parsePostgresUrl('postgres://m@/d?host=db1,db2')
  assert.deepEqual(
    hosts.map(({ host }) => host),
    ['db1', 'db2'],
  )
})

test('an address of IPv6 is said as the URL writes it', () => {
  const url = 'postgres://m@[2001:db8::1]:5433,db2:5432/d'
  assert.equal(describePlace(parsePostgresUrl(url)), url)
})

const wrong: readonly (readonly [url: string, says: RegExp])[] = [
  ['postgres:m@h/d', /is neither a path nor of the form/],
  ['jdbc:postgresql://h/d', /is neither a path nor of the form postgres:/],
  ['host=h user=m password=secret dbname=d', /is neither a path nor of the form postgres:/],
  ['postgres://m:secret@h/d', /has a password in it/],
  ['postgres://h/d', /names no user/],
  ['postgres://m@h', /names no database/],
  ['postgres://m@/d', /names no host and port/],
  ['postgres://m@h:0/d', /names no host and port/],
  ['postgres://m@h:99999/d', /names no host and port/],
  ['postgres://m@h/d?sslmode=prefer', /has sslmode=prefer; there are/],
  ['postgres://m:se?secret@h/d', /names no user/],
  ['postgres://m@h/d?password=secret', /has the option password/],
  ['postgres://100%@h/db', /server\.store has a % that stands for no character: write %25/],
  ['postgres://u@h/100%', /write %25/],
  ['postgres://u@%ff/db', /write %25/],
]

for (const [url, says] of wrong)
  test(`${url.replace('secret', '...')} is refused`, () => {
    assert.throws(() => parsePostgresUrl(url), says)
    assert.throws(
      () => parsePostgresUrl(url),
      (error: Error) => !error.message.includes('secret'),
    )
  })

test('postgres: and postgresql: name PostgreSQL, and what is written as for a database names no file', () => {
  const databases = [
    'postgres://x',
    'postgresql://x',
    'POSTGRES://m@h/d',
    'mysql://x',
    'jdbc:postgresql://h/d',
    'host=db1,db2 user=m dbname=d',
  ]
  assert.deepEqual(databases.filter(isPostgresUrl), databases)
  assert.deepEqual(['mortise.db', 'my-postgres:', '/data/host=a/m.db', 'C:\\m.db'].filter(isPostgresUrl), [])
})

function tls(url: string): string {
  return parsePostgresUrl(url).tls
}
