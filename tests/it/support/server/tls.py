"""Stands in front of a server and speaks TLS, by a certificate of a CA of its own. Roles it gives out by itself.

    tls.py UPSTREAM DIRECTORY NAME

The certificate is for NAME, an address or a host. DIRECTORY gets the certificate of the CA (ca.pem) and that of another that
has signed nothing (other.pem).
"""

import datetime
import ipaddress
import socket
import ssl
import sys
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


ROLE = """<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>
<AccessKeyId>role</AccessKeyId><SecretAccessKey>very secret</SecretAccessKey><SessionToken>t</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""


def named(name):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def certificate(name, key, issuer, issuer_key, extensions):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(
        issuer_name=named(issuer),
        subject_name=named(name),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - datetime.timedelta(days=1),
        not_valid_after=now + datetime.timedelta(days=1),
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())


def pem(item):
    return item.public_bytes(serialization.Encoding.PEM)


def authority(name):
    key = ec.generate_private_key(ec.SECP256R1())
    is_ca = [(x509.BasicConstraints(ca=True, path_length=None), True)]
    return certificate(name, key, name, key, is_ca), key


def context(directory, name):
    ca, ca_key = authority("CA of a test")
    (directory / "ca.pem").write_bytes(pem(ca))
    (directory / "other.pem").write_bytes(pem(authority("another CA")[0]))
    try:
        alternative = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    key = ec.generate_private_key(ec.SECP256R1())
    names = [(x509.SubjectAlternativeName([alternative]), False)]
    own = certificate(name, key, "CA of a test", ca_key, names)
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    text = pem(own) + key.private_bytes(serialization.Encoding.PEM, *plain)
    (directory / "own.pem").write_bytes(text)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(directory / "own.pem")
    return made


def copy(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def assume_role(client, request):
    """Answers as STS does. moto wants its words in the body; the client has them in the query, which STS takes as well."""
    print(request.split(b"\r\n", 1)[0].decode() + "\n" + "gave out a role", flush=True)
    body = ROLE.encode()
    head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    client.sendall(head.encode() + body)
    client.close()


def serve(client, tls, upstream):
    try:
        client = tls.wrap_socket(client, server_side=True)
        first = client.recv(65536)
    except OSError:
        return
    if b"Action=AssumeRoleWithWebIdentity" in first:
        assume_role(client, first)
        return
    server = socket.create_connection(upstream)
    server.sendall(first)
    threading.Thread(target=copy, args=(client, server), daemon=True).start()
    copy(server, client)


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    tls = context(Path(sys.argv[2]), sys.argv[3])
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"https://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    while True:
        client, _ = listener.accept()
        arguments = (client, tls, (host, int(port)))
        threading.Thread(target=serve, args=arguments, daemon=True).start()


main()
