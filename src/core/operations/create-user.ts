// Create User (KMIP 3.0, a draft): stores a user (system-objects.ts).

import type { Handler } from './handler.ts'
import { keepSystemObject } from './system-objects.ts'

export const createUser: Handler<'CreateUser'> = async (context, request) => ({
  UniqueIdentifier: await keepSystemObject(context, 'User', request),
})
