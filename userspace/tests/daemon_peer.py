# SPDX-License-Identifier: GPL-2.0
"""Clients and listeners that daemon.bats needs and no shell has.

deaf SOCKET        asks to watch and never reads
crowd SOCKET N     N clients at the same time, each gets its answer within a second
full SOCKET N      holds N connections, prints what the next one is told, stays
many SOCKET N      N connections at once, prints how many are answered and how many are refused
manager SOCKET     prints what a service manager is told
scrape ADDRESS     GET /metrics
scrapes ADDRESS N  the same N times, one after the other, each whole
port               a port that is free
textfile PATH N    reads it all the time until it was replaced N times
"""
import json
import os
import socket
import sys
import time


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(path)
    return s


def line_of(s):
    data = b""
    while not data.endswith(b"\n"):
        more = s.recv(65536)
        if not more:
            break
        data += more
    return data.decode()


def deaf(path):
    s = connect(path)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.sendall(b'{"cmd":"watch","min_wait_ns":0}\n')
    print("watching", flush=True)
    time.sleep(3600)


def crowd(path, n):
    clients = [connect(path) for _ in range(int(n))]
    worst = 0
    for s in clients:
        begin = time.monotonic()
        s.sendall(b'{"cmd":"status"}\n')
        assert json.loads(line_of(s))["ok"]
        worst = max(worst, time.monotonic() - begin)
    print("slowest answer after %.0f ms" % (worst * 1000))
    assert worst < 1


def full(path, n):
    clients = [connect(path) for _ in range(int(n))]
    for s in clients:
        s.sendall(b'{"cmd":"ping"}\n')
        assert json.loads(line_of(s))["ok"]
    print(line_of(connect(path)), flush=True)
    time.sleep(3600)


def many(path, n):
    clients = [connect(path) for _ in range(int(n))]
    answers = {"answered": 0, "refused": 0}
    for s in clients:
        try:
            s.sendall(b'{"cmd":"ping"}\n')
        except BrokenPipeError:
            pass  # refused already: why is there to be read
        reply = json.loads(line_of(s))
        answers["answered" if reply["ok"] else "refused"] += 1
    print("%(answered)d %(refused)d" % answers)


def manager(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(path)
    while True:
        print(s.recv(4096).decode(), flush=True)


def get(address):
    if address.startswith("unix:"):
        s = connect(address[5:])
    else:
        host, port = address.rsplit(":", 1)
        s = socket.create_connection((host, int(port)), 10)
    s.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    data = b""
    while True:
        more = s.recv(65536)
        if not more:
            break
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    assert b" 200 " in head.split(b"\r\n")[0] + b" ", head
    return body.decode()


def scrape(address):
    sys.stdout.write(get(address))


def scrapes(address, n):
    for _ in range(int(n)):
        assert get(address).endswith("# EOF\n")


def port():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1])


def textfile(path, n):
    seen = None
    replaced = 0
    while replaced <= int(n):
        try:
            with open(path) as f:
                stat, text = os.fstat(f.fileno()), f.read()
        except FileNotFoundError:
            assert seen is None, "it was not there for a moment"
            continue
        assert text.endswith("\n") and "faultline_" in text, "not whole: %r" % text[-80:]
        now = (stat.st_ino, stat.st_mtime_ns)
        if seen and now != seen:
            assert now[0] != seen[0], "written in place"
        replaced += now != seen
        seen = now


globals()[sys.argv[1]](*sys.argv[2:])
