"""A local retake.tv: the HTTP API, an RTMP ingest, viewers and faults."""
