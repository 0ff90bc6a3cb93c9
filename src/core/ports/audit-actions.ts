// Every action that an audit entry can name, with its description. An unknown action does not compile.
// docs/audit-actions.md is printed from this table.

export const auditActions = {
  'key.create': 'A client or an administrator had a key created.',
  'key.create-pair': 'A client had a private and a public key created. The entry names the public one.',
  'key.rekey-pair': 'A client had a new key pair take the place of another one.',
  'key.split': 'A client had a key split into parts. The entry names them.',
  'key.join': 'A client had a key joined from its parts.',
  'certificate.certify':
    'A client had a certificate made for a public key. The entry names the key and the certificate of the issuer.',
  'certificate.re-certify':
    'A client had a new certificate take the place of another one. The entry names the other one and the issuer.',
  'certificate.validate': 'A client asked whether certificates form a chain that holds.',
  'key.wrap':
    'A client fetched another object, wrapped by this key. The entry names it, and the padding if that is PKCS #1 v1.5.',
  'key.unwrap': 'A client had another object unwrapped by this key. The entry names it.',
  'key.register': 'A client registered an object that it brought.',
  'key.import':
    'A client brought an object with all its attributes, State included, or gave other attributes to one that is here.',
  'key.adopt': 'An object was adopted from another KMIP server, or brought up to date from there.',
  'key.verify': "The material of an adopted object was compared with the other server's.",
  'key.get':
    'A client fetched the key material, by Get or, with all attributes, by Export, or was sent it as a Put. The entry names an Export and a Put.',
  'key.export': 'An administrator had the key exported, sealed to age recipients that the entry names.',
  'key.attributes': 'A client read attributes of an object.',
  'key.attribute.add': 'A client added an attribute.',
  'key.attribute.modify': 'A client changed an attribute.',
  'key.attribute.set': 'A client added or changed the only value of an attribute.',
  'key.attribute.adjust': 'A client changed the only value of an attribute by its old value.',
  'key.attribute.delete': 'A client deleted an attribute.',
  'key.check': 'A client asked whether it may use the key.',
  'key.encrypt': 'A client had the server encrypt with the key. The entry says how many bytes.',
  'key.decrypt': 'A client had the server decrypt with the key. The entry says how many bytes.',
  'key.sign':
    'A client had the server sign with the key. The entry says how many bytes, and names a certificate that was signed.',
  'key.signature-verify': 'A client had the server verify a signature with the key.',
  'key.mac': 'A client had the server make a message authentication code with the key.',
  'key.mac-verify': 'A client had the server verify a message authentication code with the key.',
  'key.derive':
    'A client had a key or Secret Data derived from other objects, the first of which the entry names.',
  'key.encapsulate':
    'A client had a secret made for the holder of a private key. The entry names the public key, and the secret.',
  'key.decapsulate':
    'A client had the server find the secret that was made for a private key. The entry names the key, and the secret.',
  'crypto.hash': 'A client had the server hash data.',
  'crypto.random': 'A client took random bytes of the server.',
  'crypto.seed': 'A client brought a seed for the random number generator, which takes none.',
  'key.locate': 'A client searched for objects.',
  'key.activate': 'The key became Active.',
  'key.re-key': 'A client had a new key made in the place of one; the entry names the new one.',
  'key.set':
    'A manager named a key as one that wraps Sensitive keys, or took that back, or undid that a key is Sensitive or not Extractable. The entry says which.',
  'key.lease': 'A client asked how long it may go on using an object.',
  'key.allocate': "A client took a part of the key's Usage Limits for itself.",
  'key.archive': 'A client archived an object.',
  'key.recover': 'A client recovered an archived object.',
  'key.revoke': 'The key was deactivated, or declared compromised.',
  'key.destroy': 'The key material was destroyed.',
  'key.undestroy': 'An administrator brought a destroyed key back before its material was removed.',
  'key.erase': 'The material of a destroyed key was removed for good: the time to bring it back was over.',
  'key.reseal': 'The server sealed the object again, during a move to another root key or custody.',
  'key.take-over':
    "The server took over what it found of a key at the root key's service: a newer generation, or a closing.",
  'data-key.remove':
    'A move or a rewrap removed a data key that sealed nothing any more and that its root key did not open. The entry says why.',
  'client.login': 'A client got a ticket, with which it authenticates later requests.',
  'client.logout': 'A client ended a ticket.',
  'client.log': 'A client had a message written into this log. The entry has it, shortened.',
  'client.pkcs11': 'A client called a function of PKCS#11, which the entry names.',
  'client.endpoint-role':
    'A client took the server role on its connection, on which it receives changes, or gave the role back to the server.',
  'client.re-provision':
    'A client had a certificate that this server signed take the place of the one with which it asked. The entry names both.',
  'client.interop': 'A client said that a test of interoperability begins or ends.',
  'alert.test': 'An administrator sent a test to all targets of alerts.',
  'siem.test': 'An administrator had this entry written, to see that the SIEM gets the log.',
  'kmip.refused': 'The server refused a message, before any operation.',
  'admin.refused':
    'The admin API refused a request: its token is invalid or its role does not suffice. The entry names the route.',
  'instance.create': 'An instance was created.',
  'instance.close': 'An instance was closed: none of its keys is used until it is opened again.',
  'instance.open': 'An instance that was closed was opened again.',
  'instance.set': 'A name or setting of an instance was changed.',
  'instance.set-defaults':
    'The values that new objects get where their requests have none were set or removed.',
  'instance.set-constraints': 'The values that new objects must have were set or removed.',
  'instance.constraints': 'A client asked which values new objects must have.',
  'instance.delete': 'An empty instance was deleted.',
  'instance.shred': 'An instance was deleted with all its keys.',
  'instance.set-root-key': 'An instance began its move to another root key or custody.',
  'instance.set-root-key.done': 'An instance ended its move to another root key or custody.',
  'instance.rewrap':
    "An instance began to bring what its root key sealed under the root key's newest version.",
  'instance.rewrap.done': 'The rewrap of an instance ended.',
  'instance.upstream': 'The upstream of an instance was named, turned on or removed.',
  'instance.restore': 'An instance was restored, from Key Protect or HPCS or from a backup.',
  'client.trust': 'A certificate or a CA was trusted.',
  'client.set': 'A name or setting of a client was changed.',
  'client.remove': 'A client was removed.',
  'client.certificate.claim':
    'Another instance was to trust a certificate that is, or was until then, a client of this one.',
  'client.certificate.remove': 'One certificate of a client was removed.',
  'client.block': 'A certificate was blocked for all instances.',
  'client.unblock': 'The block of a certificate was lifted.',
  'session.begin':
    'A person logged in, to the console with a token or through the identity provider; or was refused, since none of the groups has a role.',
  'session.end':
    'A person logged out, a manager ended the session of a person, or a newer session replaced it since there were too many.',
  'token.create': 'A token of the admin API was created.',
  'token.recover': "A person who has the data folder and the root key made a manager's token for one hour.",
  'token.revoke': 'A token of the admin API was revoked.',
  'approval.ask': 'A person asked for an act that needs a second person. The entry names the act.',
  'approval.approve':
    'A second person approved an act, or a person tried to approve it who may not. The entry says why not.',
  'approval.refuse': 'A person refused an act that waited for a second person.',
  'approval.cancel': 'The person who asked for an act that needs a second person took the request back.',
  'approval.end':
    'A request that waited for a second person ended: no person decided in time, or the token or session that asked was ended.',
  'approval.carry-out': 'An act was carried out that a second person had approved.',
  'approval.fail': 'An act was not carried out, although it was to be approved. The entry says why.',
  'approval.break-glass':
    'An act that needs a second person was begun without one, with a token that the root key made.',
  'approval.configure': 'The server started with another list of acts that need a second person.',
  'inventory.import': 'A list of the machines of a vCenter and their keys took the place of the former one.',
  'inventory.remove': 'The list of the machines of a vCenter was removed.',
  'vcenter.add': 'A vCenter was added, with its address and the way to recognize it.',
  'vcenter.set':
    'The name, the address or the recognition of a vCenter changed; or a connect remembered the key that proves the way.',
  'vcenter.remove': 'A vCenter was forgotten. Nothing changed in it.',
  'vcenter.change':
    'The server was about to have a vCenter change something. The entry names the call of its API, and stands in the log before the call.',
  'vcenter.changed':
    'A vCenter answered a call that changes something: it did it, or the reason says why not.',
  'vcenter.rekey':
    'A rekey campaign of a vCenter was begun, paused, resumed or ended, by a person or by the server. The entry names the plan by its hash.',
  'root-key.unreachable': 'The service of a root key cannot be reached.',
  'root-key.withdrawn': 'A root key refuses: its instance is not served.',
  'root-key.failing': 'Keys of an instance do not open, for a reason other than its root key.',
  'root-key.answers': 'A root key answers again.',
  'root-key.copied': 'An administrator said that a copy of a root key file is kept elsewhere.',
  'root-key.verify-copy': 'A copy of a root key file was proved to open this server, or was not.',
  'standard-key.begin': "A run of the server began to store standard keys at root keys' services.",
  'standard-key.delete': "The server deleted a standard key at its root key's service.",
  'standard-key.forget':
    'A manager said that a service instance is gone for good: the server deletes no standard keys there any more. The entry says how many were left.',
  'server.close':
    'The server was closed, and all its instances with it: no key is used until it is opened again.',
  'server.open': 'The server was opened again; instances that were closed by themselves stay closed.',
  'server-cert.stage': 'A new certificate for the KMIP listener was stored, to be used later.',
  'server-cert.schedule': 'The time was set at which a staged certificate comes into use.',
  'server-cert.activate': 'The KMIP listener switched to another certificate.',
  'server-cert.discard': 'A staged certificate was discarded.',
  'server-cert.request': 'A signing request for the KMIP listener was made.',
  'admin-cert.renew': 'The server renewed the certificate of its admin API.',
  'server.reload':
    'The configuration was read again, or was refused, since it was not valid. The entry says why.',
  'server.restore-accept':
    'The owner accepted a database that was restored, older than its anchor, of another machine, or accepted on another node before.',
  'backup.create': 'A backup was made, or could not be made.',
  'backup.read': 'An administrator began to download a backup, which the entry names.',
  'backup.verify': 'A backup was verified.',
  'backup.restore': 'The database was made of a backup, which the entry names.',
  'audit.export': 'The audit log was exported, from its beginning to its end.',
  'audit.prune': 'Old entries were removed from the audit log.',
} as const satisfies Record<string, string>

export type AuditAction = keyof typeof auditActions
