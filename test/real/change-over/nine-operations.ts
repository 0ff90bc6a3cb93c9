// A second Mortise as the old server, whose clients may ask for no more than the nine operations of Key Protect's own KMIP
// adapters, the successor of IBM's KMIP for VMware. (Query is allowed to every client of Mortise; adopting sends none.)

import { startServer, type ClientFiles, type TestServer } from '../../support/server/server.ts'
import type { OldSide } from '../../support/clients/change-over.ts'

/** Discover Versions is always allowed. */
const nine = 'create,locate,get,get-attributes,add-attribute,activate,revoke,destroy'

export interface AdapterLike extends AsyncDisposable {
  readonly server: TestServer
  readonly vcenter: ClientFiles
  readonly side: OldSide
}

export async function adapterLike(): Promise<AdapterLike> {
  const server = await startServer()
  const vcenter = await server.issue('vcenter')
  const mover = await server.issue('mover')
  for (const name of ['vcenter', 'mover'])
    await server.json('client', 'set', name, '--instance', 'default', '--allow', nine)
  const side: OldSide = {
    address: server.kmip,
    trust: { by: 'fingerprint', sha256: server.serverCertSha256 },
    recognize: ['fingerprint', server.serverCertSha256],
    cert: mover.certFile,
    key: mover.keyFile,
    stop: () => server.stop(),
  }
  return { server, vcenter, side, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}
