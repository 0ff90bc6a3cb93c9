// The notes of a release: its section of the changelog. Pure.

/** The lines below the heading `## VERSION`; before a version has one, those below `## Unreleased`. Throws if there is neither. */
export function notesOf(changelog: string, version: string): string {
  for (const heading of [version, 'Unreleased']) {
    const [, after] = changelog.split(new RegExp(`^## \\[?${heading.replaceAll('.', '\\.')}\\b.*\n`, 'm'))
    if (after === undefined) continue
    const [section = ''] = after.split(/^## /m)
    return `# Mortise ${version}\n\n${section.trim()}\n`
  }
  throw new Error(`CHANGELOG.md has no heading for ${version}, and none for what is unreleased`)
}
