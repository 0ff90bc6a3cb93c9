package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ovh/kmip-go"
	"github.com/ovh/kmip-go/kmipclient"
	"github.com/ovh/kmip-go/payloads"
)

func lifecycleParts() []part {
	return []part{
		{"Query, and Discover Versions in a batch", 1, queries},
		{"a key is made, used up and destroyed in one batch", 0, oneBatch},
		{"states of a key, one after the other", 0, states},
		{"dates make a key active and deactivated", 0, dates},
		{"a key that is destroyed is not destroyed again", 0, destroyedOnce},
		{"keys are found by name, range of dates and object type", 0, located},
		{"a key is archived and recovered", 0, archived},
		{"a key is replaced, and so is a pair", 1, replaced},
		{"an operation that no version has is refused", 0, unknownOperation},
	}
}

func (at at) newKey(name string) string {
	create := at.Create().AES(256, encrypts)
	if name != "" {
		create = create.WithName(at.name(name))
	}
	return create.MustExec().UniqueIdentifier
}

func (at at) activeKey() string {
	id := at.newKey("")
	at.Activate(id).MustExec()
	return id
}

func (at at) value(id string, name kmip.AttributeName) any {
	attributes := at.GetAttributes(id, name).MustExec().Attribute
	check(len(attributes) == 1, "%d values of %s", len(attributes), name)
	return attributes[0].AttributeValue
}

func (at at) isIn(id string, wanted kmip.State) {
	found := at.value(id, kmip.AttributeNameState).(kmip.State)
	check(found == wanted, "the state is %d, not %d", found, wanted)
}

func queries(at at) {
	query := at.Query().Operations().Objects().ServerInformation().MustExec()
	for _, operation := range []kmip.Operation{kmip.OperationCreate, kmip.OperationGet, kmip.OperationLocate} {
		check(slices.Contains(query.Operations, operation), "Query has no %v", operation)
	}
	check(slices.Contains(query.ObjectType, kmip.ObjectTypeSymmetricKey), "Query has no symmetric keys")
	check(query.VendorIdentification != "", "Query names no vendor")
	at.Query().All().MustExec()

	own := kmip.ProtocolVersion{ProtocolVersionMajor: 1, ProtocolVersionMinor: int32(at.minor)}
	message := kmip.NewRequestMessage(own,
		&payloads.DiscoverVersionsRequestPayload{ProtocolVersion: []kmip.ProtocolVersion{own, kmip.V1_0}},
		&payloads.DiscoverVersionsRequestPayload{})
	answer, err := at.Roundtrip(context.Background(), &message)
	must(err)
	check(len(answer.BatchItem) == 2, "%d answers", len(answer.BatchItem))
	first := answer.BatchItem[0].ResponsePayload.(*payloads.DiscoverVersionsResponsePayload)
	check(first.ProtocolVersion[0] == own, "the first version is %v", first.ProtocolVersion[0])
}

func oneBatch(at at) {
	answers := at.Create().AES(256, encrypts).
		Then(func(client *kmipclient.Client) kmipclient.PayloadBuilder { return client.Activate("") }).
		Then(func(client *kmipclient.Client) kmipclient.PayloadBuilder {
			return client.Revoke("").WithRevocationReasonCode(kmip.RevocationReasonCodeCessationOfOperation)
		}).
		Then(func(client *kmipclient.Client) kmipclient.PayloadBuilder { return client.Destroy("") }).
		MustExec().MustUnwrap()
	id := answers[3].(*payloads.DestroyResponsePayload).UniqueIdentifier
	check(id == answers[0].(*payloads.CreateResponsePayload).UniqueIdentifier, "another key was destroyed: %s", id)
	_, err := at.Get(id).Exec()
	refused(err, "Get of a destroyed key")
}

func states(at at) {
	id := at.newKey("states")
	at.isIn(id, kmip.StatePreActive)
	at.Activate(id).MustExec()
	at.isIn(id, kmip.StateActive)
	_, err := at.Destroy(id).Exec()
	refused(err, "Destroy of an active key")
	at.Revoke(id).WithRevocationReasonCode(kmip.RevocationReasonCodeSuperseded).MustExec()
	at.isIn(id, kmip.StateDeactivated)
	at.Revoke(id).WithRevocationReasonCode(kmip.RevocationReasonCodeKeyCompromise).MustExec()
	at.isIn(id, kmip.StateCompromised)
	at.Destroy(id).MustExec()
	at.isIn(id, kmip.StateDestroyedCompromised)

	fresh := at.newKey("compromised")
	at.Revoke(fresh).WithRevocationReasonCode(kmip.RevocationReasonCodeKeyCompromise).MustExec()
	at.isIn(fresh, kmip.StateCompromised)
	other := at.newKey("destroyed")
	at.Destroy(other).MustExec()
	at.isIn(other, kmip.StateDestroyed)
	at.Revoke(other).WithRevocationReasonCode(kmip.RevocationReasonCodeKeyCompromise).MustExec()
	at.isIn(other, kmip.StateDestroyedCompromised)
}

func dates(at at) {
	yesterday, nextYear := time.Now().AddDate(0, 0, -1), time.Now().AddDate(1, 0, 0)
	with := func(activation time.Time, more ...kmip.Attribute) string {
		return at.Create().AES(256, encrypts).
			WithAttribute(kmip.AttributeNameActivationDate, activation).
			WithAttributes(more...).MustExec().UniqueIdentifier
	}
	at.isIn(with(yesterday), kmip.StateActive)
	late := with(nextYear)
	at.isIn(late, kmip.StatePreActive)
	at.ModifyAttribute(late, kmip.AttributeNameActivationDate, yesterday).MustExec()
	at.isIn(late, kmip.StateActive)
	ending := with(yesterday, kmip.Attribute{AttributeName: kmip.AttributeNameDeactivationDate, AttributeValue: nextYear})
	at.ModifyAttribute(ending, kmip.AttributeNameDeactivationDate, time.Now().Add(-time.Minute)).MustExec()
	at.isIn(ending, kmip.StateDeactivated)
}

func destroyedOnce(at at) {
	id := at.activeKey()
	at.Revoke(id).MustExec()
	at.Destroy(id).MustExec()
	_, err := at.Destroy(id).Exec()
	refused(err, "the second Destroy")
}

func located(at at) {
	id := at.newKey("located")
	found := at.Locate().WithName(at.name("located")).MustExec().UniqueIdentifier
	check(slices.Equal(found, []string{id}), "found %v by name", found)
	check(len(at.Locate().WithName(at.name("nothing")).MustExec().UniqueIdentifier) == 0, "found a name that is not there")
	check(slices.Contains(at.Locate().WithObjectType(kmip.ObjectTypeSymmetricKey).MustExec().UniqueIdentifier, id),
		"not found by object type")
	check(len(at.Locate().WithMaxItems(1).MustExec().UniqueIdentifier) == 1, "the maximum was not kept")

	minutes := func(count int) time.Time { return time.Now().Add(time.Duration(count) * time.Minute) }
	ids := map[int]string{}
	for _, count := range []int{10, 100, 1000} {
		ids[count] = at.Create().AES(256, encrypts).
			WithAttribute(kmip.AttributeNameProcessStartDate, minutes(count)).MustExec().UniqueIdentifier
	}
	between := at.Locate().
		WithAttribute(kmip.AttributeNameProcessStartDate, minutes(5)).
		WithAttribute(kmip.AttributeNameProcessStartDate, minutes(500)).MustExec().UniqueIdentifier
	for count, id := range ids {
		check(slices.Contains(between, id) == (count < 500), "%d minutes are not where they belong", count)
	}
}

func archived(at at) {
	id := at.newKey("archived")
	at.Archive(id).MustExec()
	_, err := at.Get(id).Exec()
	refused(err, "Get of an archived key")
	online := at.Locate().WithName(at.name("archived")).MustExec().UniqueIdentifier
	check(len(online) == 0, "an archived key is online")
	off := at.Locate().WithName(at.name("archived")).
		WithStorageStatusMask(kmip.StorageStatusArchivalStorage).MustExec().UniqueIdentifier
	check(slices.Equal(off, []string{id}), "found %v in the archive", off)
	at.Recover(id).MustExec()
	at.Get(id).MustExec()
}

func replaced(at at) {
	old := at.newKey("replaced")
	at.Activate(old).MustExec()
	fresh := at.Rekey(old).MustExec().UniqueIdentifier
	check(fresh != old, "the replacement is the old key")
	found := at.Locate().WithName(at.name("replaced")).MustExec().UniqueIdentifier
	check(slices.Equal(found, []string{fresh}), "the name belongs to %v", found)
	link := at.value(fresh, kmip.AttributeNameLink).(kmip.Link)
	check(link.LinkType == kmip.LinkTypeReplacedObjectLink && link.LinkedObjectIdentifier == old, "the link is %v", link)

	pair := at.CreateKeyPair().RSA(2048, kmip.CryptographicUsageSign, kmip.CryptographicUsageVerify).MustExec()
	next := at.RekeyKeyPair(pair.PrivateKeyUniqueIdentifier).MustExec()
	check(next.PrivateKeyUniqueIdentifier != pair.PrivateKeyUniqueIdentifier, "the private key stayed")
	check(next.PublicKeyUniqueIdentifier != pair.PublicKeyUniqueIdentifier, "the public key stayed")
}

func unknownOperation(at at) {
	request := kmip.NewUnknownPayload(0x8000041)
	_, err := at.Request(context.Background(), request)
	refused(err, fmt.Sprintf("operation %#x", 0x8000041))
	at.newKey("after")
}
