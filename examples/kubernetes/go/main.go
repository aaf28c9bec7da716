// A server that drains without any handover code. It reads the variables that
// `handover kubernetes render` writes, and ends as docs/kubernetes-pods.md describes.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	var draining atomic.Bool
	server := &http.Server{
		Handler:           closeWhileDraining(&draining, routes(&draining)),
		ReadHeaderTimeout: 10 * time.Second,
		// Longer than the ingress controller keeps an idle connection (nginx: 60 s).
		IdleTimeout: 75 * time.Second,
	}
	listener, err := net.Listen("tcp", ":"+environment("PORT", "8080"))
	if err != nil {
		log.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Printf("port %d listens\n", listener.Addr().(*net.TCPAddr).Port)

	terminated, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	select {
	case err := <-served:
		log.Fatal(err)
	case <-terminated.Done():
		stop() // a second signal ends the process at once
	}

	deadline, cancel := context.WithTimeout(context.Background(), seconds("HANDOVER_DRAIN_SECONDS", 28))
	defer cancel()
	draining.Store(true)
	// Endpoints are withdrawn at the same time as SIGTERM is sent: some clients do not know yet.
	time.Sleep(seconds("HANDOVER_DRAIN_DELAY_SECONDS", 5) - seconds("HANDOVER_PRESTOP_SECONDS", 0))
	if err := server.Shutdown(deadline); err != nil {
		log.Fatalf("the drain was cut: %v", err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
}

func routes(draining *atomic.Bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/livez", func(response http.ResponseWriter, _ *http.Request) { fmt.Fprintln(response, "alive") })
	mux.HandleFunc("/readyz", func(response http.ResponseWriter, _ *http.Request) {
		if draining.Load() {
			http.Error(response, "draining", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(response, "ready")
	})
	mux.HandleFunc("/echo/", func(response http.ResponseWriter, request *http.Request) {
		fmt.Fprint(response, strings.TrimPrefix(request.URL.Path, "/echo/"))
	})
	mux.HandleFunc("/", func(response http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(response, "hello from %s\n", environment("HOSTNAME", "here"))
	})
	return mux
}

// closeWhileDraining makes answers say `Connection: close` once the server is draining.
// Server.SetKeepAlivesEnabled(false) would do so too, but it also closes idle connections at once, while requests may
// be on their way.
func closeWhileDraining(draining *atomic.Bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if draining.Load() {
			response.Header().Set("Connection", "close")
		}
		next.ServeHTTP(response, request)
	})
}

func environment(name, fallback string) string {
	if value, found := os.LookupEnv(name); found {
		return value
	}
	return fallback
}

func seconds(name string, fallback float64) time.Duration {
	value, err := strconv.ParseFloat(environment(name, fmt.Sprint(fallback)), 64)
	if err != nil || value < 0 {
		log.Fatalf("%s is %q, wanted a number of seconds", name, os.Getenv(name))
	}
	return time.Duration(value * float64(time.Second))
}
