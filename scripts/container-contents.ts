// `npm run -s container-contents -- amd64 < DEBIAN`: lists what is in the container image, as CycloneDX. deploy/container/build.sh calls it,
// with a line "name version architecture" for each of Debian's packages. It expects dist/ to be built.

import { readFileSync } from 'node:fs'
import { argumentsOf, misused } from './arguments.ts'
import { debianComponents } from './package/debian-components.ts'
import { sbom } from './package/sbom.ts'

const cpus = { amd64: 'x64', arm64: 'arm64' } as const
const usage = '-s container-contents -- amd64|arm64 < DEBIAN'
const [architecture = ''] = argumentsOf(usage, { allowPositionals: true }).positionals
if (architecture !== 'amd64' && architecture !== 'arm64')
  misused(usage, `"${architecture}" is neither amd64 nor arm64`)
const debian = debianComponents(readFileSync(0, 'utf8'))
if (debian.length === 0) throw new Error('no package of Debian is named on standard input')
process.stdout.write(sbom([cpus[architecture]], { hsms: false, others: debian }))
