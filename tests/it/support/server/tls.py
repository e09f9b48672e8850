"""Stands in front of a server and speaks TLS, by a certificate of a CA of its own.

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


def serve(client, tls, upstream):
    print("connection", flush=True)
    try:
        client = tls.wrap_socket(client, server_side=True)
    except OSError:
        return
    server = socket.create_connection(upstream)
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
