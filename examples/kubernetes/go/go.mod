module example.org/handover/web

go 1.19
