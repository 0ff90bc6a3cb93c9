// What an application does with ovh/kmip-go: the work of the client's examples, over KMIP 1.0 to 1.4.
//
// usage: program HOST PORT CERTIFICATE KEY CA
package main

import (
	"fmt"
	"net"
	"os"

	"github.com/ovh/kmip-go"
	"github.com/ovh/kmip-go/kmipclient"
)

const encrypts = kmip.CryptographicUsageEncrypt | kmip.CryptographicUsageDecrypt

// A part of the work, and the minor version of KMIP 1 that has all of its operations.
type part struct {
	name  string
	since int
	tell  func(at at)
}

// A connection that speaks one version of KMIP, and the names of its objects.
type at struct {
	*kmipclient.Client
	minor int
}

func (at at) name(text string) string {
	return fmt.Sprintf("ovh-1.%d-%s", at.minor, text)
}

func main() {
	host, port, cert, key, ca := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	address := net.JoinHostPort(host, port)
	files := []kmipclient.Option{kmipclient.WithRootCAFile(ca), kmipclient.WithClientCertFiles(cert, key)}

	stories := []story{{"the version is negotiated", func() {
		client, err := kmipclient.Dial(address, files...)
		must(err)
		defer client.Close()
		check(client.Version() == kmip.V1_4, "negotiated %v", client.Version())
	}}}
	versions := []kmip.ProtocolVersion{kmip.V1_0, kmip.V1_1, kmip.V1_2, kmip.V1_3, kmip.V1_4}
	for minor, version := range versions {
		for _, part := range parts() {
			if minor < part.since {
				continue
			}
			stories = append(stories, story{fmt.Sprintf("KMIP 1.%d: %s", minor, part.name), func() {
				client, err := kmipclient.Dial(address, append(files, kmipclient.EnforceVersion(version))...)
				must(err)
				defer client.Close()
				part.tell(at{client, minor})
			}})
		}
	}
	tellAll(stories)
}

func parts() []part {
	all := []part{}
	all = append(all, lifecycleParts()...)
	all = append(all, registerParts()...)
	all = append(all, attributeParts()...)
	return append(all, cryptographyParts()...)
}

func pointer[T any](value T) *T {
	return &value
}
