package main

import (
	"github.com/ovh/kmip-go"
	"github.com/ovh/kmip-go/ttlv"
)

func attributeParts() []part {
	return []part{
		{"attributes are added, changed and deleted", 0, changed},
		{"usage limits are counted", 0, limited},
		{"a key that may not leave stays so", 4, extractable},
		{"a sensitive key does not leave, and encrypts", 4, sensitive},
		{"a lease is given", 0, leased},
	}
}

func changed(at at) {
	id := at.newKey("changed")
	own := kmip.AttributeName("x-application")
	at.AddAttribute(id, own, "one").MustExec()
	custom := func() any { return at.value(id, own).(ttlv.Value).Value }
	check(custom() == "one", "it has another value")
	at.ModifyAttribute(id, own, "two").MustExec()
	check(custom() == "two", "it was not changed")
	at.DeleteAttribute(id, own).MustExec()
	check(len(at.GetAttributes(id, own).MustExec().Attribute) == 0, "it was not deleted")
	_, err := at.ModifyAttribute(id, kmip.AttributeNameCryptographicLength, int32(128)).Exec()
	refused(err, "another length")
	check(len(at.GetAttributes(id).MustExec().Attribute) > 5, "few attributes")
}

func limited(at at) {
	left := func(id string) int64 {
		limits := at.value(id, kmip.AttributeNameUsageLimits).(kmip.UsageLimits)
		return *limits.UsageLimitsCount
	}
	id := at.Create().AES(256, encrypts).
		WithUsageLimit(10, kmip.UsageLimitsUnitObject).MustExec().UniqueIdentifier
	at.Activate(id).MustExec()
	check(left(id) == 10, "%d are left", left(id))
	at.GetUsageAllocation(id, 3).MustExec()
	check(left(id) == 7, "%d are left after 3", left(id))
	_, err := at.GetUsageAllocation(id, 8).Exec()
	refused(err, "an allocation of more than is left")
	at.GetUsageAllocation(id, 7).MustExec()
	check(left(id) == 0, "%d are left in the end", left(id))

	free := at.activeKey()
	_, err = at.GetUsageAllocation(free, 8).Exec()
	refused(err, "an allocation of a key without limits")
	at.AddAttribute(free, kmip.AttributeNameUsageLimits, kmip.UsageLimits{
		UsageLimitsUnit:  kmip.UsageLimitsUnitObject,
		UsageLimitsTotal: 10,
	}).MustExec()
}

// docs/clients.md: no client undoes either, unless the instance has the restrictions as they are sent.
func extractable(at at) {
	id := at.Create().AES(256, encrypts).WithAttribute(kmip.AttributeNameExtractable, false).MustExec().UniqueIdentifier
	check(at.value(id, kmip.AttributeNameNeverExtractable) == true, "it was extractable once")
	_, err := at.Get(id).Exec()
	refused(err, "Get of a key that is not extractable")
	_, err = at.ModifyAttribute(id, kmip.AttributeNameExtractable, true).Exec()
	refused(err, "Extractable again")
	_, err = at.ModifyAttribute(id, kmip.AttributeNameNeverExtractable, false).Exec()
	refused(err, "another Never Extractable")

	free := at.newKey("")
	at.ModifyAttribute(free, kmip.AttributeNameExtractable, false).MustExec()
	_, err = at.Get(free).Exec()
	refused(err, "Get of a key that is extractable no more")
	check(at.value(free, kmip.AttributeNameNeverExtractable) == false, "it was never extractable")
}

func sensitive(at at) {
	id := at.Create().AES(256, encrypts).WithAttribute(kmip.AttributeNameSensitive, true).MustExec().UniqueIdentifier
	check(at.value(id, kmip.AttributeNameAlwaysSensitive) == true, "it was not sensitive once")
	_, err := at.Get(id).Exec()
	refused(err, "Get of a sensitive key")
	_, err = at.ModifyAttribute(id, kmip.AttributeNameSensitive, false).Exec()
	refused(err, "a key that is sensitive no more")
	_, err = at.ModifyAttribute(id, kmip.AttributeNameAlwaysSensitive, false).Exec()
	refused(err, "another Always Sensitive")
	at.Activate(id).MustExec()
	at.Encrypt(id).WithCryptographicParameters(kmip.AES_GCM).WithIvCounterNonce(random(12)).Data(text).MustExec()
}

func leased(at at) {
	id := at.activeKey()
	check(at.ObtainLease(id).MustExec().UniqueIdentifier == id, "the lease is of another key")
}
