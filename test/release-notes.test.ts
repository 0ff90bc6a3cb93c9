// The notes of a release are its section of the changelog.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { notesOf } from '../scripts/package/release-notes.ts'

const changelog =
  '# Changelog\n\nWhat changes.\n\n## Unreleased\n\n- new\n\n## 1.10.0 (2027-01-02)\n\nTen.\n\n### Keys\n\n- more\n\n## 1.1.0\n\n- less\n'

test('the notes are the section of that version, with its parts, and nothing of others', () => {
  assert.equal(notesOf(changelog, '1.10.0'), '# Mortise 1.10.0\n\nTen.\n\n### Keys\n\n- more\n')
  assert.equal(notesOf(changelog, '1.1.0'), '# Mortise 1.1.0\n\n- less\n')
})

test('a version without a section has what is unreleased; without either there are no notes', () => {
  assert.equal(notesOf(changelog, '2.0.0'), '# Mortise 2.0.0\n\n- new\n')
  assert.throws(() => notesOf('# Changelog\n', '2.0.0'), /no heading for 2\.0\.0/)
})
