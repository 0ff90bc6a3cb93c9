// What a package contains, as CycloneDX 1.6: Mortise, the packages of npm in it with their hashes, and the Node.js that comes
// with it. It has no time and no serial number, so that the same commit gives the same bytes.

import type { LockedPackage } from './production.ts'
import { bundledPackages, hsmPackages, nodePackage, version } from './production.ts'

/**
 * `cpus`: the machines for which the package brings a Node.js. `hsms`: and what calls modules of HSMs. `others`: components besides,
 * on which nothing of ours says to depend.
 */
export function sbom(
  cpus: readonly ('x64' | 'arm64')[],
  { hsms: withHsms, others = [] }: { readonly hsms: boolean; readonly others?: readonly object[] },
): string {
  const nodes = cpus.map(nodePackage)
  const hsms = new Map((withHsms ? cpus : []).flatMap(hsmPackages).map((one) => [one.folder, one]))
  const packages = [...bundledPackages(), ...hsms.values(), ...nodes]
  const self = `pkg:npm/mortise@${version}`
  const depends = packages.map((one) => ({
    ref: refOf(one),
    dependsOn: [
      ...Object.keys(one.dependencies ?? {}).flatMap((name) => resolved(name, one.folder, packages)),
      ...(nodes.includes(one) ? [nodeRef(one)] : []),
    ],
  }))
  const bom = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': self,
        name: 'mortise',
        version,
        purl: self,
        licenses: [{ license: { id: 'Apache-2.0' } }],
      },
    },
    components: [...packages.map(component), ...nodes.map(nodeComponent), ...others],
    dependencies: [
      { ref: self, dependsOn: packages.filter(({ folder }) => !/\/node_modules\//.test(folder)).map(refOf) },
      ...depends,
      ...nodes.map((node) => ({ ref: nodeRef(node), dependsOn: [] })),
    ],
  }
  return `${JSON.stringify(bom, null, 2)}\n`
}

function purlOf({ name, version }: LockedPackage): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`
}

/** One package may be there several times, in one version. */
function refOf(one: LockedPackage): string {
  return `${purlOf(one)}#${one.folder}`
}

function component(one: LockedPackage): object {
  const [group, name] = one.name.startsWith('@') ? one.name.split('/') : [undefined, one.name]
  return {
    type: 'library',
    'bom-ref': refOf(one),
    ...(group !== undefined && { group }),
    name,
    version: one.version,
    purl: purlOf(one),
    licenses: [{ license: { id: one.license } }],
    hashes: [{ alg: 'SHA-512', content: Buffer.from(one.integrity.slice(7), 'base64').toString('hex') }],
  }
}

function nodeRef({ name, version }: LockedPackage): string {
  return `node@${version}-${name.replace('node-', '')}`
}

/** Scanners know Node.js by its CPE, and not by the package of npm that brings it. */
function nodeComponent(one: LockedPackage): object {
  return {
    type: 'platform',
    'bom-ref': nodeRef(one),
    name: 'node',
    version: one.version,
    cpe: `cpe:2.3:a:nodejs:node.js:${one.version}:*:*:*:*:*:*:*`,
    licenses: [{ license: { id: 'MIT' } }],
  }
}

/** The package that Node.js finds under this name from a folder: the nearest one above it. */
function resolved(name: string, from: string, packages: readonly LockedPackage[]): string[] {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const place = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`
    const found = packages.find((one) => one.folder === place)
    if (found !== undefined) return [refOf(found)]
    if (folder === '') return []
  }
}
