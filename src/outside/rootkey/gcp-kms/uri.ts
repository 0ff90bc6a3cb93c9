// The URI of a root key in Google Cloud KMS: gcp-kms: and the resource name of the key, without a version.
//
//     gcp-kms:projects/contoso/locations/europe-west3/keyRings/mortise/cryptoKeys/production

import { RootKeyError } from '../../../core/ports/root-key.ts'

/** The resource name. Throws RootKeyError('root-key') with what to write instead. */
export function parseGcpUri(uri: string): string {
  const [, name] = form.exec(uri) ?? []
  if (name !== undefined) return name
  throw new RootKeyError(
    'root-key',
    `${uri} is not the URI of a root key in Google Cloud KMS. Write gcp-kms: and the resource name of the key, without a version, such as ` +
      'gcp-kms:projects/contoso/locations/europe-west3/keyRings/mortise/cryptoKeys/production',
  )
}

/** Nothing in it can leave the path of the address that it becomes part of. A project may be of a domain: example.com:contoso. */
const form =
  /^gcp-kms:(projects\/(?:[a-z0-9][a-z0-9.-]*:)?[a-z0-9][a-z0-9-]*\/locations\/[a-z0-9-]+\/keyRings\/[\w-]{1,63}\/cryptoKeys\/[\w-]{1,63})$/
