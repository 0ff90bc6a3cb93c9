// Create Group (KMIP 3.0, a draft): stores a group (system-objects.ts).

import type { Handler } from './handler.ts'
import { keepSystemObject } from './system-objects.ts'

export const createGroup: Handler<'CreateGroup'> = async (context, request) => ({
  UniqueIdentifier: await keepSystemObject(context, 'Group', request),
})
