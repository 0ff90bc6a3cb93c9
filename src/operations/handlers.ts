// The table of handlers, which defines the operations that this server handles. Dispatch, Query and the conformance
// document read it.

import type { OperationName } from '../kmip/operations.ts'
import { activate } from './activate.ts'
import { addAttribute } from './add-attribute.ts'
import { check } from './check.ts'
import { create } from './create.ts'
import { deleteAttribute } from './delete-attribute.ts'
import { destroy } from './destroy.ts'
import { discoverVersions } from './discover-versions.ts'
import { getAttributeList } from './get-attribute-list.ts'
import { getAttributes } from './get-attributes.ts'
import { get } from './get.ts'
import type { Handler } from './handler.ts'
import { locate } from './locate.ts'
import { modifyAttribute } from './modify-attribute.ts'
import { queryWith } from './query.ts'
import { register } from './register.ts'
import { revoke } from './revoke.ts'

export const handledOperations = [
  'Activate',
  'AddAttribute',
  'Check',
  'Create',
  'DeleteAttribute',
  'Destroy',
  'DiscoverVersions',
  'Get',
  'GetAttributeList',
  'GetAttributes',
  'Locate',
  'ModifyAttribute',
  'Query',
  'Register',
  'Revoke',
] as const satisfies readonly OperationName[]

export type HandledOperation = (typeof handledOperations)[number]
export type Handlers = { readonly [N in HandledOperation]: Handler<N> }

export function handlersFor(serverVersion: string): Handlers {
  return {
    Activate: activate,
    AddAttribute: addAttribute,
    Check: check,
    Create: create,
    DeleteAttribute: deleteAttribute,
    Destroy: destroy,
    DiscoverVersions: discoverVersions,
    Get: get,
    GetAttributeList: getAttributeList,
    GetAttributes: getAttributes,
    Locate: locate,
    ModifyAttribute: modifyAttribute,
    Query: queryWith({ handled: handledOperations, serverVersion }),
    Register: register,
    Revoke: revoke,
  }
}
