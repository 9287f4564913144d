"""The RTMP ingest of the rehearsed platform."""
