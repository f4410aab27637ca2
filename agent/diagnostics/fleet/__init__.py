"""What administrators' own tools get: figures for Prometheus and OpenTelemetry, entries for the system's log."""
