"""Jobs as tasks of a Ray cluster."""

import os

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent anywhere
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # what goes wrong is told by whoever asked
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_gcs_server_request_timeout_seconds": "10",
}
"""Variables that Ray reads when it is imported."""

for _name, _value in QUIET.items():
    os.environ.setdefault(_name, _value)
