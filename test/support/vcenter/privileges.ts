// Privileges that the user lacks, on command: vcsim grants all to everyone. The questions of AuthorizationManager are answered by
// them, and a method that needs a privilege is refused without it. ReconfigVM_Task is not refused: a trouble `fault` can do that.

import { isSuccess, own, passed, type MethodEntry, type Methods, type SoapCall } from './calls.ts'
import { reference, refOf, VimFault, type Ref } from './soap.ts'
import { at, changed, childrenOf, element, localName, textAt, type Xml } from './xml.ts'

export class Privileges {
  /** By object; `everywhere` for all objects. */
  readonly #lacking = new Map<string, ReadonlySet<string>>()

  /** The user lacks these privileges from now on, on one object or on all, and no others there. */
  lack(ids: readonly string[], on?: Ref): void {
    this.#lacking.set(on?.value ?? everywhere, new Set(ids))
  }

  has(id: string, { value }: Ref): boolean {
    return ![everywhere, value].some((place) => this.#lacking.get(place)?.has(id))
  }
}

/** No object has this name. */
const everywhere = ''

/** The methods, each refused without its privileges, and those that say which privileges there are. */
export function withPrivileges(methods: Methods, privileges: Privileges): Methods {
  const guarded = Object.entries(neededPrivileges).map(([name, needed]) => {
    const entry: MethodEntry = methods[name] ?? passed((call) => call.pass())
    // `own`: a session that has ended is refused as such.
    return [
      name,
      own(async (call) => {
        check(call, needed, privileges)
        return entry.run(call)
      }),
    ] as const
  })
  return { ...methods, ...Object.fromEntries(guarded), ...questions(privileges) }
}

// ---------------------------------------------------------------- Refusals

const rootFolder: Ref = { type: 'Folder', value: 'group-d1' }
const manageServers: readonly string[] = ['Cryptographer.ManageKeyServers']
const manageKeys: readonly string[] = ['Cryptographer.ManageKeys']
const manageFiles: readonly string[] = ['Datastore.FileManagement']
const registerHost: readonly string[] = ['Cryptographer.RegisterHost']

/** As the API's texts have them: Broadcom's reference of CryptoManagerKmip, HostSystem, VirtualMachine, first-class disks and vSAN. */
const neededPrivileges: Readonly<Record<string, readonly string[]>> = {
  RegisterKmipServer: manageServers,
  UpdateKmipServer: manageServers,
  RemoveKmipServer: manageServers,
  RegisterKmsCluster: manageServers,
  UnregisterKmsCluster: manageServers,
  ListKmipServers: manageServers,
  ListKmsClusters: manageServers,
  IsKmsClusterActive: manageServers,
  MarkDefault: manageServers,
  SetDefaultKmsCluster: manageServers,
  GetDefaultKmsCluster: manageServers,
  RetrieveKmipServersStatus_Task: manageServers,
  RetrieveKmipServerCert: manageServers,
  UploadKmipServerCert: manageServers,
  UploadClientCert: manageServers,
  GenerateSelfSignedClientCert: manageServers,
  RetrieveSelfSignedClientCert: manageServers,
  UpdateSelfSignedClientCert: manageServers,
  GenerateClientCsr: manageServers,
  RetrieveClientCsr: manageServers,
  UpdateKmsSignedCsrClientCert: manageServers,
  RetrieveClientCert: manageServers,
  GenerateKey: manageKeys,
  ListKeys: manageKeys,
  AddKey: manageKeys,
  RemoveKey: manageKeys,
  RemoveKeys: manageKeys,
  QueryCryptoKeyStatus: manageKeys,
  PrepareCrypto: registerHost,
  EnableCrypto: registerHost,
  ConfigureCryptoKey: registerHost,
  ListVStorageObject: manageFiles,
  RetrieveVStorageObject: manageFiles,
  CryptoUnlock_Task: ['Cryptographer.RegisterVM'],
  VsanEncryptedClusterRekey_Task: [...manageKeys, 'Host.Inventory.EditCluster'],
}

/** Throws VimFault NoPermission, which names the object and each privilege. Those of the CryptoManager are on the root folder. */
function check({ self, request }: SoapCall, needed: readonly string[], privileges: Privileges): void {
  const named = refOf(at(request, 'encryptedCluster')) ?? refOf(at(request, 'datastore')) ?? self
  const object = named.type === 'CryptoManagerKmip' ? rootFolder : named
  const missing = needed.filter((id) => !privileges.has(id, object))
  const [first] = missing
  if (first === undefined) return
  throw new VimFault('NoPermission', 'Permission to perform this operation was denied.', [
    reference('object', object),
    element('privilegeId', first),
    element('missingPrivileges', [
      reference('entity', object),
      ...missing.map((id) => element('privilegeIds', id)),
    ]),
  ])
}

// ---------------------------------------------------------------- Questions

function questions(privileges: Privileges): Methods {
  const hasOnEntities = changing((value) => {
    const entity = refOf(at(value, 'entity'))
    return changed(value, (field) => {
      const id = textAt(field, 'privId')
      if (!entity || id === undefined || privileges.has(id, entity)) return field
      return element(localName(field), [element('privId', id), element('isGranted', false)])
    })
  })
  return {
    HasPrivilegeOnEntities: hasOnEntities,
    HasUserPrivilegeOnEntities: hasOnEntities,
    // Its values are in the order of the privileges in the request.
    HasPrivilegeOnEntity: changing((value, index, { request }) => {
      const entity = refOf(at(request, 'entity'))
      const id = childrenOf(request, 'privId')[index]?.text
      return !entity || id === undefined || privileges.has(id, entity) ? value : element('returnval', false)
    }),
    FetchUserPrivilegeOnEntities: changing((value) => {
      const entity = refOf(at(value, 'entity'))
      return changed(value, (field) =>
        entity && localName(field) === 'privileges' && !privileges.has(field.text, entity)
          ? undefined
          : field,
      )
    }),
  }
}

/** Passes the request on, and changes each value of the answer. */
function changing(change: (value: Xml, index: number, call: SoapCall) => Xml): MethodEntry {
  return passed(async (call) => {
    const answer = await call.pass()
    if (!isSuccess(answer)) return answer
    let index = 0
    return { ...answer, body: changed(answer.body, (value) => change(value, index++, call)) }
  })
}
