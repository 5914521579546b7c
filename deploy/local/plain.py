"""What a client is given that only ever speaks plain HTTP to this machine."""

import ssl

# It trusts nobody. Without it httpx reads every authority of the world anew for each request, which
# eight threads at once are busy with for longer than a promise of two seconds has to spare.
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
