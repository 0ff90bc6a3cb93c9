// Stories of a KMIP client: each is told once, as a line of JSON, and the first that goes wrong is the last.
// test/support/real-clients/go.ts puts this file beside the program.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

type story struct {
	name string
	tell func()
}

func tellAll(stories []story) {
	for _, one := range stories {
		failure := tellOne(one.tell)
		line, err := json.Marshal(struct {
			Story string  `json:"story"`
			Error *string `json:"error"`
		}{one.name, failure})
		must(err)
		fmt.Println(string(line))
		if failure != nil {
			os.Exit(1)
		}
	}
}

func tellOne(tell func()) (failure *string) {
	defer func() {
		if reason := recover(); reason != nil {
			text := fmt.Sprint(reason)
			failure = &text
		}
	}()
	tell()
	return nil
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func check(holds bool, format string, values ...any) {
	if !holds {
		panic(fmt.Sprintf(format, values...))
	}
}

func refused(err error, what string) {
	check(err != nil, "%s was not refused", what)
}
