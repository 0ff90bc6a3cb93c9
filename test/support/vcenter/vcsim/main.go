// A vCenter for tests: govmomi's simulator, with its own flags as far as the tests use them. govmomi's program vcsim cannot be
// installed as a module, since its go.mod has a replace directive. This program adds nothing to the simulator.
//
// It prints one line of JSON, with its address, once it listens, and ends when its standard input ends.
package main

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/url"
	"os"
	"strconv"
	"strings"

	_ "github.com/vmware/govmomi/pbm/simulator"
	"github.com/vmware/govmomi/simulator"
	_ "github.com/vmware/govmomi/vsan/simulator"
)

func main() {
	model := simulator.VPX()
	flag.IntVar(&model.Datacenter, "dc", model.Datacenter, "number of datacenters")
	flag.IntVar(&model.Cluster, "cluster", model.Cluster, "number of clusters")
	flag.IntVar(&model.ClusterHost, "host", model.ClusterHost, "number of hosts of each cluster")
	flag.IntVar(&model.Host, "standalone-host", model.Host, "number of hosts in no cluster")
	flag.IntVar(&model.Datastore, "ds", model.Datastore, "number of datastores")
	flag.IntVar(&model.Machine, "vm", model.Machine, "number of virtual machines of each resource pool")
	flag.BoolVar(&model.Autostart, "autostart", model.Autostart, "whether the virtual machines run")
	version := &model.ServiceContent.About.ApiVersion
	flag.StringVar(version, "api-version", *version, "version of the API")
	listen := flag.String("l", "127.0.0.1:0", "address to listen at")
	user := flag.String("username", "", "name to log in with; empty: any")
	password := flag.String("password", "", "password to log in with")
	certificate := flag.String("tlscert", "", "file of the certificate; empty: a certificate of its own")
	key := flag.String("tlskey", "", "file of the certificate's private key")
	load := flag.String("load", "", "folder of saved objects to load")
	delay := flag.Int("delay", 0, "milliseconds before each answer")
	methodDelay := flag.String("method-delay", "", "milliseconds before answers of methods: NAME:MS,NAME:MS")
	flag.Parse()

	model.DelayConfig.Delay = *delay
	if *methodDelay != "" {
		delays := delaysOf(*methodDelay)
		model.DelayConfig.MethodDelay = delays
		simulator.TaskDelay.MethodDelay = delays
	}
	if *load == "" {
		must(model.Create())
	} else {
		must(model.Load(*load))
	}
	address := &url.URL{Host: *listen}
	if *user != "" {
		address.User = url.UserPassword(*user, *password)
	}
	model.Service.RegisterEndpoints = true
	model.Service.Listen = address
	model.Service.TLS = new(tls.Config)
	if *certificate != "" {
		pair, err := tls.LoadX509KeyPair(*certificate, *key)
		must(err)
		model.Service.TLS.Certificates = []tls.Certificate{pair}
	}
	server := model.Service.NewServer()
	must(json.NewEncoder(os.Stdout).Encode(map[string]string{"host": server.URL.Host}))

	// The test's process has the other end: it closes too when that process is killed.
	_, _ = io.Copy(io.Discard, os.Stdin)
	model.Remove()
}

func delaysOf(text string) map[string]int {
	delays := make(map[string]int)
	for _, part := range strings.Split(text, ",") {
		name, ms, _ := strings.Cut(strings.TrimSpace(part), ":")
		number, err := strconv.Atoi(ms)
		must(err)
		delays[name] = number
	}
	return delays
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
