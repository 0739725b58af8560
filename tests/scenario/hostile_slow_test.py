"""Ten thousand connections that ask for nothing, headers and bodies that come byte by byte, readers who never read: others
are served all the while, in time, and memory stays bounded."""

import contextlib
import socket
import time

import hostile_network
import taxii_nodes

IDLE, IDLE_TLS, PER_ADDRESS = 10000, 300, 100
SLOW, SLOW_BODIES, DEAF = 150, 40, 40
TRICKLE_S = 5


def connect(node, number):
    """From one of many addresses of this machine: one alone may have PER_ADDRESS connections."""
    s = socket.socket()
    s.settimeout(5)
    with contextlib.suppress(OSError):
        s.bind((f"127.0.{1 + number // PER_ADDRESS // 200}.{1 + number // PER_ADDRESS % 200}", 0))
        s.connect(("127.0.0.1", node.port))
    return s


def connect_tls(node, number, context):
    s = connect(node, number)
    try:
        return context.wrap_socket(s)
    except OSError:  # pushed out by the next
        s.close()
        return None


def many_tls(node, count, context):
    return [s for s in (connect_tls(node, n, context) for n in range(count)) if s]


def send(s, data):
    with contextlib.suppress(OSError):
        s.sendall(data)


def close(sockets):
    for s in sockets:
        s.close()


def trickle(sockets, data, seconds=TRICKLE_S):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for s in sockets:
            send(s, data)
        time.sleep(0.2)


def idle(node, count):
    sockets = [connect(node, n) for n in range(count)]
    time.sleep(1)
    more = many_tls(node, IDLE_TLS, hostile_network.tls())
    assert len(more) > IDLE_TLS // 2, "whoever comes gets a place"
    time.sleep(1)
    close(sockets + more)


def slow_headers(node):
    sockets = many_tls(node, SLOW, hostile_network.tls())
    for s in sockets:
        send(s, b"GET /taxii2/ HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    trickle(sockets, b"a")
    close(sockets)


def slow_bodies(node, path, certificate):
    """As a partner, who may post; and as a stranger, whose answer does not wait for the body."""
    for context in (hostile_network.tls(certificate), hostile_network.tls()):
        sockets = many_tls(node, SLOW_BODIES, context)
        for s in sockets:
            send(s, f"POST {path} HTTP/1.1\r\nHost: x\r\nAccept: {hostile_network.TAXII}\r\nContent-Type: {hostile_network.TAXII}\r\n"
                    "Content-Length: 90000000\r\n\r\n".encode())
        trickle(sockets, b"{", TRICKLE_S / 2)
        close(sockets)


def deaf_readers(node, path, certificate):
    """Ask for page after page and read none."""
    sockets = many_tls(node, DEAF, hostile_network.tls(certificate))
    for s in sockets:
        s.settimeout(0.2)
        send(s, f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: {hostile_network.TAXII}\r\n\r\n".encode() * 50)
    time.sleep(TRICKLE_S / 2)
    close(sockets)


def main():
    count = min(IDLE, hostile_network.raise_file_limit(IDLE + 1000) - 1000)
    if count < IDLE:
        print(f"{count} idle connections only: the limit of open files does not allow more")
    with taxii_nodes.Pair() as pair:
        hostile_network.give(pair)
        pair.jp.serve()
        honest = hostile_network.Honest(pair)
        certificate = pair.us.client_certificate
        with honest.during(f"{count} idle connections and {IDLE_TLS} with TLS"):
            idle(pair.jp, count)
        with honest.during("headers byte by byte"):
            slow_headers(pair.jp)
        with honest.during("bodies byte by byte"):
            slow_bodies(pair.jp, honest.path, certificate)
        with honest.during("readers who never read"):
            deaf_readers(pair.jp, honest.path, certificate)
        hostile_network.intact(pair)
    print("ok")


main()
