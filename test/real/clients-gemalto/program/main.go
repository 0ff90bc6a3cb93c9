// What Rook and ceph-csi do with gemalto/kmip-go: a connection of its own for every call, which begins with Discover Versions for 1.4.
//
// usage: program WHAT HOST PORT CERTIFICATE KEY CA [IDENTIFIER]     (WHAT: rook, ceph-csi or ceph-csi-fetch)
package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/gemalto/kmip-go"
	"github.com/gemalto/kmip-go/kmip14"
	"github.com/gemalto/kmip-go/ttlv"
	"github.com/google/uuid"
)

var version = kmip.ProtocolVersion{ProtocolVersionMajor: 1, ProtocolVersionMinor: 4}

// A server, and how a call reaches it.
type server struct {
	address string
	config  *tls.Config
}

func main() {
	words := os.Args[2:]
	certificate, err := tls.LoadX509KeyPair(words[2], words[3])
	must(err)
	authority, err := os.ReadFile(words[4])
	must(err)
	authorities := x509.NewCertPool()
	check(authorities.AppendCertsFromPEM(authority), "no CA in %s", words[4])
	there := server{net.JoinHostPort(words[0], words[1]), &tls.Config{
		MinVersion:   tls.VersionTLS12,
		ServerName:   "localhost",
		RootCAs:      authorities,
		Certificates: []tls.Certificate{certificate},
	}}
	switch os.Args[1] {
	case "rook":
		tellAll(rookStories(there))
	case "ceph-csi":
		tellAll(cephCsiStories(there, words[5]))
	case "ceph-csi-fetch":
		tellAll(cephCsiFetchStories(there, words[5]))
	default:
		panic("no such client: " + os.Args[1])
	}
}

// One call: its answer's payload is decoded into `answer`.
func (there server) call(operation kmip14.Operation, request, answer any) error {
	connection, err := tls.Dial("tcp", there.address, there.config)
	if err != nil {
		return err
	}
	defer connection.Close()
	must(connection.SetDeadline(time.Now().Add(30 * time.Second)))
	var versions kmip.DiscoverVersionsResponsePayload
	discover := kmip.DiscoverVersionsRequestPayload{ProtocolVersion: []kmip.ProtocolVersion{version}}
	if err := ask(connection, kmip14.OperationDiscoverVersions, discover, &versions); err != nil {
		return err
	}
	if len(versions.ProtocolVersion) != 1 || versions.ProtocolVersion[0] != version {
		return fmt.Errorf("discovered %v", versions.ProtocolVersion)
	}
	return ask(connection, operation, request, answer)
}

func ask(connection net.Conn, operation kmip14.Operation, request, answer any) error {
	id := uuid.New()
	message, err := ttlv.Marshal(kmip.RequestMessage{
		RequestHeader: kmip.RequestHeader{ProtocolVersion: version, BatchCount: 1},
		BatchItem: []kmip.RequestBatchItem{
			{UniqueBatchItemID: id[:], Operation: operation, RequestPayload: request},
		},
	})
	must(err)
	if _, err := connection.Write(message); err != nil {
		return err
	}
	decoder := ttlv.NewDecoder(bufio.NewReader(connection))
	read, err := decoder.NextTTLV()
	if err != nil {
		return err
	}
	var response kmip.ResponseMessage
	if err := decoder.DecodeValue(&response, read); err != nil {
		return err
	}
	if response.ResponseHeader.BatchCount != 1 || len(response.BatchItem) != 1 {
		return fmt.Errorf("%d of %d answers", len(response.BatchItem), response.ResponseHeader.BatchCount)
	}
	item := response.BatchItem[0]
	if item.Operation != operation || !bytes.Equal(item.UniqueBatchItemID, id[:]) {
		return fmt.Errorf("an answer to another request: %v %x", item.Operation, item.UniqueBatchItemID)
	}
	if item.ResultStatus != kmip14.ResultStatusSuccess {
		return fmt.Errorf("%v: %v: %s", operation, item.ResultReason, item.ResultMessage)
	}
	return decoder.DecodeValue(answer, item.ResponsePayload.(ttlv.TTLV))
}

func random(count int) []byte {
	made := make([]byte, count)
	_, err := rand.Read(made)
	must(err)
	return made
}
