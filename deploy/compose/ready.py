"""A container's health check: ends well when this process' internal port says that it is ready."""

import http.client
import os
import sys


def is_ready(port: int) -> bool:
    """Asks once; no answer is a no."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not is_ready(int(os.environ["INTERNAL_PORT"])))
