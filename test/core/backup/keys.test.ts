// Backups for recipients: each identity opens them without the root key, and gets the keys that they carry; others do not.

import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { checkRecipients, openAsRecipient } from '../../../src/core/backup/keys.ts'
import { readManifest } from '../../../src/core/backup/read.ts'
import { allRecords, dumpedObject, dumpOf, writeRecords } from '../../support/store/backup-files.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { storeFolder } from '../../support/store/store-place.ts'

test('each recipient opens the records and the keys that the backup carries; nobody else does', async (t) => {
  const file = path.join(await storeFolder(t), 'a.backup')
  const identities = [await generateX25519Identity(), await generateX25519Identity()]
  const recipients = await Promise.all(identities.map((identity) => identityToRecipient(identity)))
  const carried = new Map([
    ['system', Buffer.alloc(32, 1)],
    ['data-key-é', Buffer.alloc(32, 2)],
  ])
  const records = [dumpedObject('a')]
  await writeRecords(file, new FaultyRootKey(), dumpOf(records), { recipients, carried })
  const manifest = await readManifest(file)
  for (const identity of identities) {
    const opened = await openAsRecipient(manifest, `# created by age-keygen\n${identity}\n`)
    assert.deepEqual(opened.carried, carried)
    assert.deepEqual(await allRecords(file, opened.keys), records)
  }
  const stranger = await generateX25519Identity()
  await assert.rejects(openAsRecipient(manifest, stranger), /does not open this backup, which is for age1/)
  await assert.rejects(openAsRecipient(manifest, 'nonsense'), /does not open this backup/)
  await assert.rejects(
    openAsRecipient({ ...manifest, recipients: null }, stranger),
    /made without --recipient/,
  )
})

test('a recipient that is not right is refused before anything is written', async () => {
  await assert.rejects(checkRecipients(['age1nonsense']), /age1nonsense is not an age recipient/)
})
