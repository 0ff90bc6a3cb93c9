// Debian's packages in an image or an appliance: as components of a CycloneDX list, and their sources with versions, so that the holder of
// an image can ask Debian's archive (snapshot.debian.org) for the very source of each.

/** For dpkg-query and dpkg-deb: a line for each package, which this file reads. */
export const debianFormat = '${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\\n'

interface DebianPackage {
  readonly name: string
  readonly version: string
  readonly architecture: string
  readonly source: string
  readonly sourceVersion: string
}

/** `installed`: lines in `debianFormat`. Ours is described by its own list. */
export function debianComponents(installed: string): readonly object[] {
  return packagesOf(installed)
    .map(({ name, version, architecture, source, sourceVersion }) => {
      const from = `upstream=${encodeURIComponent(`${source}@${sourceVersion}`)}`
      const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}&distro=debian-13&${from}`
      return {
        type: 'library',
        'bom-ref': purl,
        name,
        version,
        purl,
        properties: [{ name: 'debian:source', value: `${source} ${sourceVersion}` }],
      }
    })
    .toSorted((a, b) => (a.purl < b.purl ? -1 : 1))
}

/** A line "name version" for each Debian source package, sorted. */
export function debianSources(installed: string): string {
  const lines = packagesOf(installed).map(({ source, sourceVersion }) => `${source} ${sourceVersion}\n`)
  return [...new Set(lines)].toSorted().join('')
}

function packagesOf(installed: string): readonly DebianPackage[] {
  const found = installed
    .split('\n')
    .filter((line) => line !== '')
    .map((line): DebianPackage => {
      const [name, version, architecture, source, sourceVersion] = line.split(' ')
      if (!name || !version || !architecture || !source || !sourceVersion)
        throw new Error(`dpkg printed a line without five words: ${line}`)
      return { name, version, architecture, source, sourceVersion }
    })
    .filter(({ name }) => name !== 'mortise')
  if (found.length === 0) throw new Error('dpkg named no package of Debian')
  return found
}
