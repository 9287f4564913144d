"""retake.tv on one's own machine: the HTTP API, an RTMP ingest, viewers and faults."""
