// Create Group (KMIP 3.0, a draft): system-objects.ts says what comes of it.

import type { Handler } from './handler.ts'
import { keepSystemObject } from './system-objects.ts'

export const createGroup: Handler<'CreateGroup'> = async (context, request) => ({
  UniqueIdentifier: await keepSystemObject(context, 'Group', request),
})
