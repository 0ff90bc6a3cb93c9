// `mortise fips ...`: what FIPS mode needs before it is switched on.

import path from 'node:path'
import { orAdvice } from '../../doors/cli/advice.ts'
import { noun, verb } from '../../doors/cli/command.ts'
import { plain } from '../../doors/cli/text/output.ts'
import { readConfiguration } from '../../host/installation.ts'

interface PlaceOptions {
  readonly data?: string
  readonly config?: string
}

const placeFlags = [
  ['--data <dir>', 'data folder of the local server (default: as configured, else ./mortise-data)'],
  [
    '--config <file>',
    'configuration file (default: that of MORTISE_CONFIG, else mortise.toml in this folder)',
  ],
] as const

export const fipsCommands = noun(
  'fips',
  'FIPS mode: the module that it computes with, and what to convert before',
  () => [setupCommand, convertCommand],
)

const setupCommand = verb<PlaceOptions & { readonly module?: string }>({
  words: 'setup',
  summary: "find and test OpenSSL's FIPS module, and write the settings that FIPS mode starts with",
  flags: [
    ['--module <file>', "the module, fips.so (default: that in OpenSSL's usual folders)"],
    ...placeFlags,
  ],
  examples: ['fips setup', 'fips setup --module /opt/fips/lib/ossl-modules/fips.so --data /var/lib/mortise'],
  offline: true,
  action: async ({ world, show }, { module, data, config }) => {
    const configuration = readConfiguration(world, { data, config })
    const { setUpFips } = await import('../../host/fips.ts')
    const { data: dataFolder } = configuration.server
    const result = await orAdvice('FIPS mode was not set up', configuration, setUpFips(dataFolder, module))
    show(
      { module: result.path, version: result.version, dataFolder },
      () => plain`OpenSSL's FIPS provider ${result.version} (${result.path}) passed its own tests, and Node.js starts with it.
Next: set fips = true below [server] in mortise.toml, and restart the server. docs/fips.md says what changes.\n`,
    )
  },
})

const convertCommand = verb<PlaceOptions & { readonly passphraseFile?: string }>({
  words: 'convert [file]',
  summary: 'have PBKDF2 derive the passphrase of a root key file instead of scrypt, before FIPS mode begins',
  flags: [
    ['--passphrase-file <file>', 'a file with its passphrase (default: server.rootPassphraseFile)'],
    ...placeFlags,
  ],
  examples: ['fips convert', 'fips convert /media/usb/root.key --passphrase-file passphrase.txt'],
  offline: true,
  action: async ({ world, show }, { passphraseFile, data, config }, file) => {
    const configuration = readConfiguration(world, { data, config })
    const { server } = configuration
    const [{ convertRootKeyFile }, { rootKeyFilePath }] = await Promise.all([
      import('../../outside/rootkey/file-convert.ts'),
      import('../../outside/rootkey/file.ts'),
    ])
    const named = path.resolve(file ?? path.join(server.data, rootKeyFilePath(server.rootKey)))
    const converted = convertRootKeyFile(named, passphraseFile ?? server.rootPassphraseFile)
    const result = await orAdvice('the file was not converted', configuration, converted)
    show(result, () =>
      result.converted
        ? plain`Converted ${result.file}. Its key and its passphrase are the same; convert its copies too.\n`
        : plain`${result.file} needs no conversion.\n`,
    )
  },
})
