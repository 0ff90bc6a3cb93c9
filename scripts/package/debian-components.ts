// Debian's packages as components of a CycloneDX list.

/** `installed`: a line for each, "name version architecture", as dpkg-query prints it. Ours is described by its own list. */
export function debianComponents(installed: string): readonly object[] {
  return installed
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([name = '']) => name !== '' && name !== 'mortise')
    .map(([name = '', version = '', architecture = '']) => {
      const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}&distro=debian-13`
      return { type: 'library', 'bom-ref': purl, name, version, purl }
    })
    .toSorted((a, b) => (a.purl < b.purl ? -1 : 1))
}
