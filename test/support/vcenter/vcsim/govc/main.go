// govc for tests: those of its commands that docs/inventory.md runs, and object.save. govc cannot be installed as a module, since its
// go.mod has a replace directive. This program adds nothing to the commands.
package main

import (
	"os"

	"github.com/vmware/govmomi/cli"
	_ "github.com/vmware/govmomi/cli/object"
	_ "github.com/vmware/govmomi/cli/vsan"
)

func main() {
	os.Exit(cli.Run(os.Args[1:]))
}
